//! Folders of pictures, one folder inside for each class.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use tress_nn::Labels;
use tress_tensor::Tensor;

use crate::error::{Error, Result};
use crate::order::by_value;
use crate::whole;

/// The longest side of a picture that is read.
const LONGEST_SIDE: u32 = 1 << 15;

/// The most bytes that one picture is given, and that its file may have, whatever it says.
const MOST_BYTES: u64 = 1 << 29;

/// The most bytes that the numbers of a folder take, unless it is told otherwise.
const MOST_OF_FOLDER: u64 = 1 << 30;

/// The endings of the files that are taken for pictures.
const ENDINGS: [&str; 5] = ["png", "ppm", "pgm", "pbm", "pnm"];

/// What a picture has in each place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// One number: brightness. Colours are weighed as the eye does (ITU-R BT.709).
    Grey,
    /// Three numbers: red, green, blue. Grey ones are repeated.
    Colour,
}

impl Channels {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Channels::Grey => 1,
            Channels::Colour => 3,
        }
    }
}

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Bytes, row by row, the channels of a pixel side by side: `[height, width, channels]`.
    pub bytes: Vec<u8>,
}

/// Reads one picture, PNG or one of the PNM formats, of which the bytes alone decide; `name` stands for it in errors.
/// Sixteen bits are rounded to eight; transparency is left out.
///
/// # Errors
/// The bytes are no such picture, or not all of one; it has no pixel, a side longer than 32768, or needs more memory than
/// its file can fill (or half a gigabyte).
pub fn picture(name: &str, bytes: &[u8], channels: Channels) -> Result<Picture> {
    let decoded = decode(name, bytes)?;
    Ok(unpack(&decoded, channels))
}

/// A reader of one picture, which asks for no more memory than its file can fill.
fn reader<'b>(name: &str, bytes: &'b [u8]) -> Result<ImageReader<Cursor<&'b [u8]>>> {
    let format = image::guess_format(bytes).ok();
    // What one byte of a file can stand for: deflate has 1032 bytes for one, of which each bit may be a pixel of four
    // bytes; a PNM file has at least one bit for a pixel, which becomes a byte.
    let most = match format {
        Some(ImageFormat::Png) => 1032 * 32,
        Some(ImageFormat::Pnm) => 16,
        _ => return Err(Error::new(name, "is neither a PNG nor a PPM, PGM or PBM picture")),
    };
    let mut reader = ImageReader::new(Cursor::new(bytes));
    reader.set_format(format.unwrap_or(ImageFormat::Png));
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST_SIDE), Some(LONGEST_SIDE));
    limits.max_alloc =
        Some((bytes.len() as u64).saturating_mul(most).min(MOST_BYTES).saturating_add(1 << 14));
    reader.limits(limits);
    Ok(reader)
}

/// Height and width, which stand at the beginning of a file.
fn sides(name: &str, bytes: &[u8]) -> Result<[usize; 2]> {
    let (width, height) = reader(name, bytes)?.into_dimensions().map_err(|error| no_picture(name, &error))?;
    Ok([height as usize, width as usize])
}

fn no_picture(name: &str, error: &image::ImageError) -> Error {
    Error::new(name, format!("is no whole picture: {error}"))
}

fn decode(name: &str, bytes: &[u8]) -> Result<DynamicImage> {
    let decoded = reader(name, bytes)?.decode().map_err(|error| no_picture(name, &error))?;
    match decoded.width() == 0 || decoded.height() == 0 {
        true => Err(Error::new(name, "is a picture without a pixel")),
        false => Ok(decoded),
    }
}

fn unpack(decoded: &DynamicImage, channels: Channels) -> Picture {
    let (height, width) = (decoded.height() as usize, decoded.width() as usize);
    let bytes = match channels {
        Channels::Grey => decoded.to_luma8().into_raw(),
        Channels::Colour => decoded.to_rgb8().into_raw(),
    };
    Picture { height, width, bytes }
}

/// Pictures and their classes.
#[derive(Debug, Clone)]
pub struct Pictures {
    /// `[N, channels, height, width]`, from 0 (black) to 1.
    pub images: Tensor<f32>,
    /// The class of each.
    pub labels: Labels,
    /// The names of the classes: those of the folders, sorted: by their value if all of them are whole numbers (2 comes
    /// before 10), else as text.
    pub classes: Vec<String>,
    /// The files, class by class, sorted by name in the same way, without its ending.
    pub files: Vec<PathBuf>,
    /// Files in the folders of classes that have no ending of a picture, and were not read.
    pub skipped: Vec<PathBuf>,
}

/// How to read a folder that has one folder for each class, with the pictures of that class in it.
///
/// ```
/// use tress_readers::Folder;
/// # let root = std::env::temp_dir().join(format!("tress-doc-pictures-{}", std::process::id()));
/// # for (class, byte) in [("dark", 0), ("light", 255)] {
/// #     std::fs::create_dir_all(root.join(class)).unwrap();
/// #     std::fs::write(root.join(class).join("1.pgm"), [&b"P5 2 2 255\n"[..], &[byte; 4]].concat()).unwrap();
/// # }
/// let found = Folder::grey().read(&root)?; // root/dark/1.pgm, root/light/1.pgm
/// assert_eq!(found.classes, ["dark", "light"]);
/// assert_eq!(found.labels.as_slice(), [0, 1]);
/// assert_eq!(found.images.shape()[..], [2, 1, 2, 2]);
/// # std::fs::remove_dir_all(root).unwrap();
/// # Ok::<(), tress_readers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    channels: Channels,
    size: Option<[usize; 2]>,
    classes: Option<Vec<String>>,
    most_bytes: u64,
}

impl Folder {
    /// Pictures of one channel.
    pub fn grey() -> Self {
        Self { channels: Channels::Grey, size: None, classes: None, most_bytes: MOST_OF_FOLDER }
    }

    /// Pictures of three channels.
    pub fn colour() -> Self {
        Self { channels: Channels::Colour, ..Self::grey() }
    }

    /// Scales every picture to this height and width. Without this, all must be of one size.
    pub fn sized(self, height: usize, width: usize) -> Self {
        Self { size: Some([height, width]), ..self }
    }

    /// The classes in the order of their labels, so that a test folder gets the labels of the training folder. A folder
    /// of another name is an error, one that is not there is not.
    pub fn classes<S: Into<String>>(self, classes: impl IntoIterator<Item = S>) -> Self {
        Self { classes: Some(classes.into_iter().map(Into::into).collect()), ..self }
    }

    /// How many bytes all numbers together may take, four for each; a gigabyte without this. It is held against the number
    /// of files and the size of the first picture before any other is read.
    pub fn most_bytes(self, bytes: u64) -> Self {
        Self { most_bytes: bytes, ..self }
    }

    /// Reads all pictures under `root`. Names that begin with a dot are passed over. The order is that of the names, and
    /// the same on every system: where all names beside each other are whole numbers, by their value, so that folders 0 to
    /// 11 are the classes 0 to 11.
    ///
    /// # Errors
    /// What the system says; no class, or no picture; a file that is no picture in spite of its ending; pictures of
    /// different sizes; more bytes than [`most_bytes`](Folder::most_bytes).
    pub fn read(&self, root: impl AsRef<Path>) -> Result<Pictures> {
        let root = root.as_ref();
        let name = root.display().to_string();
        let Listing { classes, files, labels, skipped } = self.listing(root)?;
        if let Some([height, width]) = self.size
            && [height, width].iter().any(|side| !(1..=LONGEST_SIDE as usize).contains(side))
        {
            return Err(Error::new(name, format!("pictures cannot be scaled to {height}x{width}")));
        }
        let [height, width] = match (self.size, files.first()) {
            (_, None) => {
                let trouble = format!("has no picture in its folders; files ending in {ENDINGS:?} are");
                return Err(Error::new(name, trouble));
            }
            (Some(size), _) => size,
            (None, Some(first)) => sides(&first.display().to_string(), &whole::read(first, MOST_BYTES)?)?,
        };
        let channels = self.channels.count();
        let bytes = [files.len(), channels, height, width, size_of::<f32>()];
        let bytes = bytes.iter().fold(1u64, |all, &size| all.saturating_mul(size as u64));
        if bytes > self.most_bytes {
            let trouble = format!(
                "holds {} pictures, which are {bytes} bytes as numbers of {channels}x{height}x{width}, more than {}; call \
                 `sized` to make them smaller, or `most_bytes` to allow it",
                files.len(),
                self.most_bytes
            );
            return Err(Error::new(name, trouble));
        }
        let failed = |error: String| Error::new(&name, error);
        let mut images = Tensor::zeros([files.len(), channels, height, width])
            .map_err(|error: tress_tensor::Error| failed(error.to_string()))?;
        let places = images.make_mut().chunks_exact_mut((channels * height * width).max(1));
        for (path, place) in files.iter().zip(places) {
            let picture = self.picture_of(path)?;
            if [picture.height, picture.width] != [height, width] {
                let trouble = format!(
                    "is of {}x{} pixels, those before of {height}x{width}; call `sized`",
                    picture.height, picture.width
                );
                return Err(Error::new(path.display().to_string(), trouble));
            }
            for (channel, plane) in place.chunks_exact_mut((height * width).max(1)).enumerate() {
                let bytes = picture.bytes.iter().skip(channel).step_by(channels);
                plane.iter_mut().zip(bytes).for_each(|(number, &byte)| *number = f32::from(byte) / 255.0);
            }
        }
        let labels = Labels::new(labels, classes.len()).map_err(|error| failed(error.to_string()))?;
        Ok(Pictures { images, labels, classes, files, skipped })
    }

    /// What there is to be read.
    fn listing(&self, root: &Path) -> Result<Listing> {
        let found = listed(root)?.into_iter().filter(|path| path.is_dir());
        let mut folders: Vec<(String, PathBuf)> = found.map(|path| (last_of(&path), path)).collect();
        by_value(&mut folders, |(class, _)| class.into());
        let given = self.classes.clone();
        let classes = given.unwrap_or_else(|| folders.iter().map(|(class, _)| class.clone()).collect());
        if classes.is_empty() {
            let trouble = "has no folder for any class; put the pictures of each class into one";
            return Err(Error::new(root.display().to_string(), trouble));
        }
        let mut listing = Listing { classes, files: Vec::new(), labels: Vec::new(), skipped: Vec::new() };
        for (class, folder) in &folders {
            let Some(label) = listing.classes.iter().position(|known| known == class) else {
                let trouble = format!("is none of the {} classes that were given", listing.classes.len());
                return Err(Error::new(folder.display().to_string(), trouble));
            };
            let files = listed(folder)?.into_iter().filter(|path| path.is_file());
            let (mut pictures, others): (Vec<PathBuf>, Vec<PathBuf>) =
                files.partition(|path| is_picture(path));
            by_value(&mut pictures, |path| path.file_stem().unwrap_or_default().to_string_lossy());
            listing.labels.extend(pictures.iter().map(|_| label as u32));
            listing.files.extend(pictures);
            listing.skipped.extend(others);
        }
        Ok(listing)
    }

    /// The picture in a file, scaled if that is asked for.
    fn picture_of(&self, path: &Path) -> Result<Picture> {
        let name = path.display().to_string();
        let bytes = whole::read(path, MOST_BYTES)?;
        let decoded = decode(&name, &bytes)?;
        let picture = unpack(&decoded, self.channels);
        let (height, width) = (picture.height as u32, picture.width as u32);
        match self.size {
            Some([h, w]) if [h, w] != [picture.height, picture.width] => {
                let (h, w) = (h as u32, w as u32);
                // A triangle as wide as what becomes one pixel: shrinking averages, and takes no pixel by chance.
                let bytes = match self.channels {
                    Channels::Grey => image::GrayImage::from_raw(width, height, picture.bytes)
                        .map(|image| imageops::resize(&image, w, h, FilterType::Triangle).into_raw()),
                    Channels::Colour => image::RgbImage::from_raw(width, height, picture.bytes)
                        .map(|image| imageops::resize(&image, w, h, FilterType::Triangle).into_raw()),
                };
                Ok(Picture { height: h as usize, width: w as usize, bytes: bytes.unwrap_or_default() })
            }
            _ => Ok(picture),
        }
    }
}

/// The files of a folder, by class.
struct Listing {
    classes: Vec<String>,
    files: Vec<PathBuf>,
    labels: Vec<u32>,
    skipped: Vec<PathBuf>,
}

/// What is in a folder, sorted by name, without what begins with a dot.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| Error::io(&folder.display().to_string(), &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !last_of(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn last_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ENDINGS.contains(&ending.as_str())
}
