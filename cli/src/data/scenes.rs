//! Scenes: digits and clothes of several sizes on a noisy canvas, with boxes around them; detection and more.
//!
//! A canvas of 64x64 holds one to three objects. The first, the primary one, is a picture of 28x28 as it is; the others are
//! shrunk to 16 to 20 pixels by area averaging. A fair coin says whether an object is a digit or a piece of clothing. Each
//! is cropped to the tight box of its pixels from 32 on (at least 4x4) and laid where it overlaps the others by 0.05 at most,
//! in up to 30 tries; the brighter pixel wins, and every pixel gets noise of 0 to 14. Test scenes are made of test pictures.

use tress::mtl::detect::{Detection, Object, overlap};
use tress::tensor::Tensor;

use super::digits::{Digits, SIDE};
use super::embedded::{Library, Origin};
use super::multimnist::Split;
use super::splitmix::SplitMix64;
use crate::error::Error;
use crate::png::{Colour, png};

/// The side of a scene, in pixels.
pub const SCENE: usize = 64;

/// The number of classes: ten digits, and ten kinds of clothes from 10 on, as in [`super::twenty`].
pub const CLASSES: usize = 20;

/// What is brighter belongs to an object.
const INK: u8 = 32;
/// No object is smaller, along each axis.
const LEAST_SIDE: usize = 4;
/// How much objects may overlap.
const MOST_OVERLAP: f64 = 0.05;
/// How many times larger pictures of scenes are.
const ENLARGED: usize = 4;
/// How often a place is looked for.
const TRIES: usize = 30;

/// Scenes and the objects in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenes {
    /// `N` scenes of 64x64 grey bytes, row by row.
    pub pixels: Vec<u8>,
    /// The objects of each, the primary one first.
    pub objects: Vec<Vec<Object>>,
}

impl Scenes {
    /// The first `count` scenes of a seed.
    ///
    /// # Errors
    /// [`Error::Data`] as of [`Library::digits`].
    pub fn draw(library: &Library, split: Split, count: usize, seed: u64) -> Result<Self, Error> {
        let sets = [library.digits(Origin::Mnist, split)?, library.digits(Origin::Fashion, split)?];
        Ok(Self::of(&sets, count, seed))
    }

    /// Scenes of training pictures in two parts: of the first four fifths of the pictures, to learn from, and of the last
    /// fifth, to choose settings on. No picture is in both.
    ///
    /// # Errors
    /// [`Error::Data`] as of [`Library::digits`].
    pub fn hold_out(library: &Library, [count, held]: [usize; 2], seed: u64) -> Result<[Self; 2], Error> {
        let part = |origin| -> Result<(Digits, Digits), Error> {
            let all = library.digits(origin, Split::Train)?;
            let fifth = all.len() / 5;
            Ok(all.hold_out(fifth))
        };
        let ((digits, held_digits), (clothes, held_clothes)) = (part(Origin::Mnist)?, part(Origin::Fashion)?);
        Ok([Self::of(&[digits, clothes], count, seed), Self::of(&[held_digits, held_clothes], held, seed)])
    }

    fn of(sets: &[Digits; 2], count: usize, seed: u64) -> Self {
        let mut stream = SplitMix64::new(seed);
        let mut scenes = Self { pixels: vec![0; count * SCENE * SCENE], objects: Vec::with_capacity(count) };
        for canvas in scenes.pixels.chunks_exact_mut(SCENE * SCENE) {
            scenes.objects.push(compose(sets, canvas, &mut stream));
        }
        scenes
    }

    /// The number of scenes.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Some scenes, `[N, 1, 64, 64]`, from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Data`] where a scene is none, or they do not fit into memory.
    pub fn images(&self, scenes: &[usize]) -> Result<Tensor, Error> {
        let wrong = |trouble: String| Error::data("scenes", trouble);
        let mut numbers = Vec::with_capacity(scenes.len() * SCENE * SCENE);
        for &scene in scenes {
            let Some(pixels) = self.pixels.chunks_exact(SCENE * SCENE).nth(scene) else {
                return Err(wrong(format!("are {} in number, and there is no scene {scene}", self.len())));
            };
            numbers.extend(pixels.iter().map(|&pixel| f32::from(pixel) / 255.0));
        }
        Tensor::new([scenes.len(), 1, SCENE, SCENE], &numbers).map_err(|e| wrong(e.to_string()))
    }

    /// A scene as a PNG, four times as large: boxes that are there in green, boxes that were found in orange.
    ///
    /// # Errors
    /// [`Error::Data`] where the scene is none.
    pub fn picture(&self, scene: usize, found: &[Detection]) -> Result<Vec<u8>, Error> {
        let image = self.images(&[scene])?.to_vec();
        let side = SCENE * ENLARGED;
        let mut pixels: Vec<u8> = Vec::with_capacity(side * side * 3);
        for at in 0..side * side {
            let grey = image[at / side / ENLARGED * SCENE + at % side / ENLARGED] * 255.0;
            pixels.extend([grey as u8; 3]);
        }
        let there = self.objects[scene].iter().map(|object| (object.corners, [60, 220, 90]));
        for (corners, colour) in there.chain(found.iter().map(|found| (found.corners, [255, 150, 30]))) {
            let [x1, y1, x2, y2] =
                corners.map(|c| (c * ENLARGED as f64).round().clamp(0.0, side as f64 - 1.0) as usize);
            let across = (x1..=x2).flat_map(|x| [(x, y1), (x, y2)]);
            for (x, y) in across.chain((y1..=y2).flat_map(|y| [(x1, y), (x2, y)])) {
                pixels[(y * side + x) * 3..][..3].copy_from_slice(&colour);
            }
        }
        Ok(png(&pixels, side, Colour::Rgb))
    }
}

/// Lays objects on a canvas of zeros and then noise; where they are.
fn compose(sets: &[Digits; 2], canvas: &mut [u8], stream: &mut SplitMix64) -> Vec<Object> {
    let wanted = 1 + stream.below(3);
    let mut objects: Vec<Object> = Vec::with_capacity(wanted);
    for number in 0..wanted {
        let domain = stream.below(2);
        let at = stream.below(sets[domain].len());
        let side = if number == 0 { SIDE } else { 16 + stream.below(5) };
        let picture = shrink(sets[domain].image(at), side);
        let [x1, y1, x2, y2] = tight(&picture, side);
        let (w, h) = (x2 - x1, y2 - y1);
        for _ in 0..TRIES {
            let (x, y) = (stream.below(SCENE - w + 1), stream.below(SCENE - h + 1));
            let corners = [x, y, x + w, y + h].map(|c| c as f64);
            if objects.iter().any(|other| overlap(&other.corners, &corners) > MOST_OVERLAP) {
                continue;
            }
            for row in 0..h {
                let over = &picture[(y1 + row) * side + x1..][..w];
                let under = &mut canvas[(y + row) * SCENE + x..][..w];
                under.iter_mut().zip(over).for_each(|(under, over)| *under = (*under).max(*over));
            }
            let class = domain as u32 * 10 + u32::from(sets[domain].label(at));
            objects.push(Object { corners, class });
            break;
        }
    }
    for pixel in canvas {
        *pixel = pixel.saturating_add(stream.below(15) as u8);
    }
    objects
}

/// A picture of 28x28 in `side` pixels, each the mean of what it covers; in whole numbers, so the same everywhere.
fn shrink(picture: &[u8], side: usize) -> Vec<u8> {
    // In units of 1 / side of a pixel, new pixel i covers 28 i .. 28 (i + 1), and old pixel j covers side j .. side (j + 1).
    let covered =
        |i: usize, j: usize| ((i + 1) * SIDE).min((j + 1) * side).saturating_sub((i * SIDE).max(j * side));
    let mut small = Vec::with_capacity(side * side);
    for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
        let span = |i: usize| i * SIDE / side..((i + 1) * SIDE).div_ceil(side);
        let mut sum = 0;
        for (v, u) in span(y).flat_map(|v| span(x).map(move |u| (v, u))) {
            sum += covered(y, v) * covered(x, u) * usize::from(picture[v * SIDE + u]);
        }
        small.push(((sum + SIDE * SIDE / 2) / (SIDE * SIDE)) as u8);
    }
    small
}

/// The smallest box around what is bright, at least 4x4: left, top, right, bottom.
fn tight(picture: &[u8], side: usize) -> [usize; 4] {
    let ends = |bright: &dyn Fn(usize) -> bool| {
        let first = (0..side).find(|&i| bright(i)).unwrap_or(0);
        let last = (0..side).rev().find(|&i| bright(i)).map_or(side, |last| last + 1);
        let missing = LEAST_SIDE.saturating_sub(last - first);
        let first = first.saturating_sub(missing.div_ceil(2));
        (first, (last.max(first + LEAST_SIDE)).min(side))
    };
    let (x1, x2) = ends(&|x| (0..side).any(|y| picture[y * side + x] >= INK));
    let (y1, y2) = ends(&|y| (0..side).any(|x| picture[y * side + x] >= INK));
    [x1.min(x2 - LEAST_SIDE), y1.min(y2 - LEAST_SIDE), x2, y2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use tress::mtl::detect::Grid;

    #[test]
    fn scenes_are_as_described() {
        let scenes = Scenes::draw(&Library::BuiltIn, Split::Train, 3_000, 1).unwrap();
        let (mut counts, mut classes, mut sizes) = ([0; 4], [0; CLASSES], [0.0; 2]);
        let mut objects = 0;
        for (pixels, there) in scenes.pixels.chunks_exact(SCENE * SCENE).zip(&scenes.objects) {
            counts[there.len()] += 1;
            for (i, object) in there.iter().enumerate() {
                let [x1, y1, x2, y2] = object.corners;
                let (w, h) = (x2 - x1, y2 - y1);
                let most = if i == 0 { 28.0 } else { 20.0 };
                assert!((4.0..=most).contains(&w) && (4.0..=most).contains(&h), "{object:?}");
                assert!(x1 >= 0.0 && y1 >= 0.0 && x2 <= 64.0 && y2 <= 64.0);
                assert!(there[..i].iter().all(|o| overlap(&o.corners, &object.corners) <= 0.05));
                classes[object.class as usize] += 1;
                (sizes[0], sizes[1], objects) = (sizes[0] + w, sizes[1] + h, objects + 1);
            }
            // Outside of all boxes there is noise alone.
            for (at, &pixel) in pixels.iter().enumerate() {
                let (x, y) = ((at % SCENE) as f64, (at / SCENE) as f64);
                let inside = |o: &Object| {
                    x >= o.corners[0] && x < o.corners[2] && y >= o.corners[1] && y < o.corners[3]
                };
                assert!(pixel < 15 || there.iter().any(inside));
            }
        }
        assert_eq!(counts[0], 0);
        assert!(counts[1..].iter().all(|&count| (900..1100).contains(&count)), "{counts:?}");
        assert!(classes.iter().all(|&count| (250..360).contains(&count)), "{classes:?}");
        let [w, h] = sizes.map(|sum| sum / f64::from(objects));
        assert!((15.0..16.5).contains(&w) && (17.5..19.0).contains(&h), "{w} {h}");
        let assigned = Grid::new([8, 8], 8.0, CLASSES).unwrap().assign::<f32>(&scenes.objects).unwrap();
        assert!(assigned.lost() <= 3, "hardly two centres in one cell: {}", assigned.lost());
    }

    #[test]
    fn seeds_and_splits_differ_and_repeat() {
        let draw = |split, seed| Scenes::draw(&Library::BuiltIn, split, 20, seed).unwrap();
        assert_eq!(draw(Split::Train, 1), draw(Split::Train, 1));
        assert_ne!(draw(Split::Train, 1), draw(Split::Train, 2));
        assert_ne!(draw(Split::Train, 1).pixels, draw(Split::Test, 1).pixels);
        let scenes = draw(Split::Train, 1);
        let images = scenes.images(&[3, 0]).unwrap();
        assert_eq!(images[[1, 0, 5, 7]], f32::from(scenes.pixels[5 * 64 + 7]) / 255.0);
        assert!(scenes.images(&[20]).is_err());
    }

    #[test]
    fn shrinking_keeps_the_mean_and_plain_pictures() {
        assert!(shrink(&[77; SIDE * SIDE], 17).iter().all(|&pixel| pixel == 77));
        let ramp: Vec<u8> = (0..SIDE * SIDE).map(|at| (at % SIDE * 9) as u8).collect();
        assert_eq!(shrink(&ramp, SIDE), ramp);
        let mean = |pixels: &[u8]| pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / pixels.len() as f64;
        assert!((mean(&shrink(&ramp, 16)) - mean(&ramp)).abs() < 0.5);
        let mut dot = vec![0; SIDE * SIDE];
        dot[0] = 255;
        assert_eq!(tight(&dot, SIDE), [0, 0, 4, 4]);
        dot[SIDE * SIDE - 1] = 255;
        assert_eq!(tight(&dot, SIDE), [0, 0, 28, 28]);
        dot[0] = 0;
        assert_eq!(tight(&dot, SIDE), [24, 24, 28, 28]);
    }
}
