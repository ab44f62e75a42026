//! How fast numbers come from where they lie: measured at footprints from within the first cache to well beyond the last.
//!
//! What a cache is called says little about its speed: of a large third level that others use too, a program may have a part, and
//! what is beyond that part comes as from memory. So speeds belong to footprints, and names are labels.

use crate::limits::together;
use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use tress::tensor::Float;
use tress::tensor::simd::{Kernel, Lanes};

/// What was measured.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Where numbers can lie, the nearest first.
    pub places: Vec<Place>,
    /// The speeds, by rising footprint; none is below that of a larger footprint.
    pub points: Vec<Point>,
}

/// A place where numbers can lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// `L1`, `L2`, `L3` or `DRAM`.
    pub name: &'static str,
    /// Bytes that fit, of all threads together.
    pub bytes: f64,
    /// Bytes a second that come from there to work of twice the bytes that fit into the place before, read, or read and written
    /// elsewhere.
    pub speed: f64,
}

/// Speeds of work that touches so many bytes, over and over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The bytes that all threads touch together.
    pub footprint: f64,
    /// The most bytes a second that go either way: of a copy or a sum, those read and those written added up, or of reading alone.
    pub apart: f64,
    /// The same where numbers may be changed where they lie: each is counted as read and as written, and its line comes but once.
    pub in_place: f64,
}

/// What is done with numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They are read, or read and written elsewhere.
    Apart,
    /// They are changed where they lie.
    InPlace,
}

impl Memory {
    /// Measures it, on so many threads at once; seconds.
    pub fn measure(threads: usize) -> Memory {
        let sizes = cache_sizes();
        let (begin, end) = (0.5 * sizes[0] * threads as f64, beyond(sizes[2], available()));
        let steps = (2.0 * (end / begin).log2()).ceil().max(1.0) as i32;
        let footprints = (0..=steps).rev().map(|k| (begin * 2f64.powf(0.5 * f64::from(k))).min(end));
        let buffers: Vec<Buffer> = (0..threads).map(|_| Buffer::default()).collect();
        // From the largest on: its pages are handed out once, and the others are parts of it.
        Memory::new(sizes, threads, footprints.map(|footprint| point(footprint, &buffers)).collect())
    }

    /// Of caches of such sizes, the first two each thread's own; `points` as measured, in any order.
    pub fn new(sizes: [f64; 3], threads: usize, mut points: Vec<Point>) -> Memory {
        points.sort_by(|a, b| b.footprint.total_cmp(&a.footprint));
        // What a larger footprint is given, a smaller one is too: less was other programs' doing.
        let mut most = [0.0f64; 2];
        for point in &mut points {
            most = [most[0].max(point.apart), most[1].max(point.in_place).max(point.apart)];
            [point.apart, point.in_place] = most;
        }
        points.reverse();
        let own = threads as f64;
        let mut from = 0.0;
        let mut places = Vec::new();
        for (name, bytes) in
            [("L1", sizes[0] * own), ("L2", sizes[1] * own), ("L3", sizes[2]), ("DRAM", f64::INFINITY)]
        {
            // The second levels of many threads may be larger than the third.
            let mut inside = points.iter().filter(|point| point.footprint > from && point.footprint <= bytes);
            // Of little more than fits, most comes from the place before.
            let first =
                inside.clone().find(|point| point.footprint >= 2.0 * from).or_else(|| inside.next_back());
            if let Some(first) = first {
                places.push(Place { name, bytes, speed: first.apart });
                from = bytes;
            }
        }
        if let Some(last) = places.last_mut() {
            last.bytes = f64::INFINITY;
        }
        Memory { places, points }
    }

    /// The name of where work that touches so many bytes has its numbers.
    pub fn place(&self, footprint: f64) -> &'static str {
        let place = self.places.iter().find(|place| footprint <= place.bytes);
        place.map_or("memory", |place| place.name)
    }

    /// Bytes a second that such work can move at most: what the next smaller footprint is given that was measured. Between two
    /// points there may be the end of a cache, and where it is nobody knows.
    pub fn speed(&self, footprint: f64, way: Way) -> f64 {
        let of = |point: &Point| match way {
            Way::Apart => point.apart,
            Way::InPlace => point.in_place,
        };
        let after = self.points.partition_point(|point| point.footprint <= footprint);
        self.points.get(after.saturating_sub(1)).map_or(f64::NAN, of)
    }
}

/// Where measuring ends: well beyond the last cache, in a part of the memory that is left, if the system says how much that is.
fn beyond(last: f64, available: Option<f64>) -> f64 {
    let room = available.map_or(1e9, |bytes| 0.25 * bytes);
    (3.0 * last).clamp(64e6, 2e9).min(room).max(16e6)
}

/// The bytes that the system could still give (Linux).
fn available() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024.0 * kilobytes)
}

/// Numbers of one thread, made by the thread that uses them first, the most that it will need; and how often a part of them was gone
/// through.
type Buffer = Mutex<(Vec<f32>, usize)>;

/// How long each way of going through numbers is looked for.
const SECONDS: f64 = 0.03;
/// Numbers that are timed at a time: large buffers are gone through part by part, so that a sample is over before the system gives the
/// core to another program.
const PART: usize = 1 << 19;
/// Numbers of a line of the cache.
const LINE: usize = 16;
/// Which numbers share the lines of a cache is up to the pages that the system hands out: of small footprints several places are tried.
const PLACES: usize = 3;
const SMALL: f64 = 16e6;

/// How a footprint is divided: numbers that each thread has, and parts that it goes through one after the other.
fn divided(footprint: f64, threads: usize) -> (usize, usize) {
    let numbers = (footprint / threads as f64 / 4.0) as usize;
    let parts = numbers.div_ceil(PART).max(1);
    // One, two and three regions each have as many parts, which begin with a line of the cache.
    let each = 6 * LINE * parts;
    ((numbers / each).max(1) * each, parts)
}

/// What is done with the numbers of a part.
#[derive(Clone, Copy, PartialEq)]
enum Loop {
    Copy,
    Read,
    Add,
    Change,
}

impl Loop {
    /// Goes through the part of each region that has its turn.
    fn run(self, numbers: &mut [f32], parts: usize, turn: usize) {
        let region = |regions: usize| {
            let (len, part) = (numbers.len() / regions, numbers.len() / regions / parts);
            (len, part * turn..part * (turn + 1))
        };
        match self {
            Loop::Copy => {
                let (len, part) = region(2);
                let (from, to) = numbers.split_at_mut(len);
                black_box(&mut to[part.clone()]).copy_from_slice(black_box(&from[part]));
            }
            Loop::Read => {
                let (_, part) = region(1);
                black_box(f32::dispatch(Read(black_box(&numbers[part]))));
            }
            Loop::Add => {
                let (len, part) = region(3);
                let (from, to) = numbers.split_at_mut(2 * len);
                let (a, b) = from.split_at(len);
                let sum = Add(&a[part.clone()], &b[part.clone()], &mut to[part]);
                f32::dispatch(black_box(sum));
            }
            Loop::Change => {
                let (_, part) = region(1);
                f32::dispatch(Change(black_box(&mut numbers[part])));
            }
        }
    }
}

/// The speeds at a footprint that the threads divide among them.
fn point(footprint: f64, buffers: &[Buffer]) -> Point {
    let threads = buffers.len();
    let (count, parts) = divided(footprint, threads);
    // Bytes a second of all threads; each number is read or written once.
    let speed = |way: Loop, place: usize| {
        let seconds = together(threads, SECONDS, |thread| {
            let mut buffer = buffers[thread].lock().unwrap_or_else(PoisonError::into_inner);
            if buffer.0.len() < (place + 1) * count + LINE {
                buffer.0 = vec![1.0; (place + 1) * count + LINE];
            }
            // From the beginning of a line on, as tensors lie.
            let first = (buffer.0.as_ptr() as usize / 4).wrapping_neg() % LINE + place * count;
            move || {
                // Goes on where the loop before has ended, so that no part is found in a cache that all of them do not fit into.
                let (numbers, turn) = &mut *buffer;
                way.run(&mut numbers[first..][..count], parts, *turn % parts);
                *turn += 1;
            }
        });
        (threads * 4 * (count / parts)) as f64 / seconds
    };
    let places = 0..if footprint <= SMALL { PLACES } else { 1 };
    let best = |way| places.clone().map(|place| speed(way, place)).fold(0.0, f64::max);
    let apart = [Loop::Copy, Loop::Read, Loop::Add].map(best).into_iter().fold(0.0, f64::max);
    // What is changed is read and written.
    Point { footprint: (threads * 4 * count) as f64, apart, in_place: 2.0 * best(Loop::Change) }
}

/// Adds all numbers up, in as many chains as hide the time of an addition; the compiler makes vectors of it.
struct Read<'a>(&'a [f32]);

impl Kernel<f32> for Read<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<I: Lanes<f32>>(self, _: I) -> f32 {
        let mut sums = [0.0f32; 128];
        for part in self.0.chunks_exact(128) {
            for (sum, x) in sums.iter_mut().zip(part) {
                *sum += x;
            }
        }
        sums.into_iter().sum()
    }
}

/// Adds numbers up two by two; the compiler makes vectors of it.
struct Add<'a>(&'a [f32], &'a [f32], &'a mut [f32]);

impl Kernel<f32> for Add<'_> {
    type Output = ();
    #[inline(always)]
    fn run<I: Lanes<f32>>(self, _: I) {
        for ((sum, a), b) in self.2.iter_mut().zip(self.0).zip(self.1) {
            *sum = a + b;
        }
    }
}

/// Changes all numbers, so that they stay about what they are; the compiler makes vectors of it as well.
struct Change<'a>(&'a mut [f32]);

impl Kernel<f32> for Change<'_> {
    type Output = ();
    #[inline(always)]
    fn run<I: Lanes<f32>>(self, _: I) {
        for x in self.0 {
            *x = 1.0 - *x;
        }
    }
}

/// Bytes of the first three levels of cache: as the system tells them (Linux), else those of a common processor.
fn cache_sizes() -> [f64; 3] {
    let mut sizes = [32e3, 1e6, 16e6];
    for index in 0..8 {
        let read = |name: &str| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{name}");
            std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
        };
        let (Some(level), Some(kind), Some(size)) = (read("level"), read("type"), read("size")) else {
            continue;
        };
        let level: usize = level.parse().unwrap_or(0);
        let (digits, unit) = match size.strip_suffix('K') {
            Some(digits) => (digits, 1024.0),
            None => match size.strip_suffix('M') {
                Some(digits) => (digits, 1024.0 * 1024.0),
                None => (size.as_str(), 1.0),
            },
        };
        if let (1..=3, Ok(number)) = (level, digits.parse::<f64>())
            && kind != "Instruction"
            && number > 0.0
        {
            sizes[level - 1] = number * unit;
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::{Buffer, Loop, Memory, PART, Point, Way, beyond, divided, point};

    #[test]
    fn all_numbers_are_gone_through_whatever_is_done_with_them() {
        let (count, parts) = divided(4.0 * (2 * PART + 5) as f64, 1);
        assert!(parts == 3 && count <= 2 * PART + 5 && count > 2 * PART - 300, "{count} {parts}");
        assert_eq!(divided(24.0 * 1024.0, 1), (6144, 1));
        assert_eq!(divided(48.0 * 1024.0, 2), (6144, 1));
        // Three parts of each region, of which the first half are 2 and the others 1.
        let numbers = || (0..288).map(|i| if i < 144 { 2.0 } else { 1.0 }).collect::<Vec<f32>>();
        let all = |way: Loop| {
            let mut numbers = numbers();
            (0..3).for_each(|turn| way.run(&mut numbers, 3, turn));
            numbers
        };
        assert_eq!(all(Loop::Copy), vec![2.0; 288]);
        assert_eq!(all(Loop::Read), numbers());
        let sums = all(Loop::Add);
        assert_eq!(sums[..192], numbers()[..192]);
        assert!(sums[192..].iter().zip(96..192).all(|(&sum, k)| sum == if k < 144 { 4.0 } else { 3.0 }));
        let changed = all(Loop::Change);
        assert!(changed[..144].iter().all(|&x| x == -1.0) && changed[144..].iter().all(|&x| x == 0.0));
        // Only the part that has its turn.
        let mut numbers = numbers();
        Loop::Copy.run(&mut numbers, 3, 1);
        assert_eq!([numbers[144], numbers[144 + 48], numbers[144 + 96]], [1.0, 2.0, 1.0]);
    }

    #[test]
    fn several_threads_measure_at_once() {
        let buffers = [Buffer::default(), Buffer::default()];
        let point = point(1e5, &buffers);
        assert!((9e4..=1e5).contains(&point.footprint), "{point:?}");
        assert!(
            [point.apart, point.in_place].iter().all(|speed| speed.is_finite() && *speed > 0.0),
            "{point:?}"
        );
        assert!(buffers.iter().all(|buffer| buffer.lock().unwrap().1 > 0));
    }

    /// Points of footprints of 2^k kilobytes.
    fn points(speeds: &[(i32, f64, f64)]) -> Vec<Point> {
        let make = |&(k, apart, in_place): &(i32, f64, f64)| Point {
            footprint: 1e3 * 2f64.powi(k),
            apart,
            in_place,
        };
        speeds.iter().map(make).collect()
    }

    #[test]
    fn a_speed_is_that_of_the_next_smaller_footprint() {
        let memory = Memory::new(
            [4e3, 16e3, 64e3],
            1,
            points(&[(7, 1.0, 2.0), (1, 64.0, 32.0), (3, 16.0, 16.0), (5, 4.0, 8.0)]),
        );
        // At a point, between two, and beyond both ends.
        for (footprint, apart, in_place) in
            [(8e3, 16.0, 16.0), (7999.0, 64.0, 64.0), (31e3, 16.0, 16.0), (1.0, 64.0, 64.0), (1e9, 1.0, 2.0)]
        {
            assert_eq!(memory.speed(footprint, Way::Apart), apart, "{footprint}");
            assert_eq!(memory.speed(footprint, Way::InPlace), in_place, "{footprint}");
        }
        let names: Vec<_> = memory.places.iter().map(|place| (place.name, place.speed)).collect();
        assert_eq!(names, [("L1", 64.0), ("L2", 16.0), ("L3", 4.0), ("DRAM", 1.0)]);
        assert_eq!(
            [4e3, 4001.0, 64e3, 64_001.0].map(|bytes| memory.place(bytes)),
            ["L1", "L2", "L3", "DRAM"]
        );
    }

    #[test]
    fn what_a_larger_footprint_is_given_a_smaller_one_is_too() {
        // The third point was disturbed, and the fourth's copy was.
        let memory = Memory::new(
            [4e3, 16e3, 64e3],
            1,
            points(&[(1, 9.0, 9.0), (2, 6.0, 8.0), (3, 1.0, 1.0), (4, 5.0, 7.0)]),
        );
        assert_eq!([Way::Apart, Way::InPlace].map(|way| memory.speed(8e3, way)), [5.0, 7.0]);
        assert_eq!(memory.speed(4e3, Way::Apart), 6.0);
    }

    #[test]
    fn a_place_without_a_point_of_its_own_is_left_out() {
        // Sixteen second levels hold more than the third.
        let memory =
            Memory::new([1e3, 8e3, 64e3], 16, points(&[(3, 9.0, 9.0), (5, 6.0, 6.0), (8, 2.0, 2.0)]));
        let names: Vec<_> = memory.places.iter().map(|place| (place.name, place.bytes)).collect();
        assert_eq!(names, [("L1", 16e3), ("L2", 128e3), ("DRAM", f64::INFINITY)]);
        // Where memory does not allow to go beyond the third level.
        let memory = Memory::new([4e3, 16e3, 64e3], 1, points(&[(1, 9.0, 9.0), (5, 6.0, 6.0)]));
        assert_eq!((memory.place(1e3), memory.place(1e6)), ("L1", "L3"));
    }

    #[test]
    fn the_last_footprint_is_beyond_the_last_cache_and_within_memory() {
        assert_eq!(beyond(5e8, Some(24e9)), 1.5e9);
        assert_eq!(beyond(5e8, Some(2e9)), 5e8);
        assert_eq!(beyond(1e6, Some(24e9)), 64e6);
        assert_eq!(beyond(5e8, None), 1e9);
    }
}
