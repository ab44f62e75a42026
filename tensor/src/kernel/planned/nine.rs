//! Windows of 3 x 3 over one channel of bytes: what a convolution of each channel for itself does most. Nothing is gathered: the nine
//! taps meet the picture where it lies. A window that lies partly on padding is moved until it lies in the picture, and its
//! weights are moved back in it; what those meet that fall out of it is the same for all such windows, and part of the bias.

use super::quantised::Finish;
use crate::Window;

/// Whether windows are of this kind; `k` numbers lie under one.
pub(super) fn suits(window: &Window, k: usize) -> bool {
    k == 9
        && window.kernel == [3, 3]
        && window.dilation == [1, 1]
        && window.input.iter().all(|&size| size >= 3)
}

/// Of the windows along an axis from `at` on: where the first lies in the picture when it is moved into it, by how much it is moved
/// back in it, and how many have as far to go. Those that lie in the picture are as many as there are, and of the others one.
#[inline(never)]
fn moved(window: &Window, axis: usize, at: usize) -> (usize, isize, usize) {
    let (step, before) = (window.stride[axis], window.pad[axis][0]);
    let (corner, most) = (at * step, before + window.input[axis] - 3);
    let place = corner.clamp(before, most);
    let alike = if place == corner { (most - corner) / step + 1 } else { 1 };
    (place - before, corner as isize - place as isize, alike)
}

/// One output `y [h, w]`, which is `channel` of `finish`: of `x [H, W]`. `zero` stands for 0 in `x`.
#[inline(never)]
pub(super) fn plane(
    x: &[i8],
    (window, zero, [high, wide]): (&Window, i32, [usize; 2]),
    w: &[i8; 9],
    (finish, channel): (&Finish<'_>, usize),
    y: &mut [i8],
) {
    let ([down, right], [height, width]) = (window.stride, window.input);
    // Every place below lies in these two, so that none can be too large to count.
    if height.checked_mul(width) != Some(x.len()) || high.checked_mul(wide) != Some(y.len()) {
        return;
    }
    let mut i = 0;
    while i < high {
        let ((top, below, rows), mut j) = (moved(window, 0, i), 0);
        let rows = rows.min(high - i);
        while j < wide {
            let (left, beside, columns) = moved(window, 1, j);
            let columns = columns.min(wide - j);
            let (mut kept, mut fallen, mut n) = ([0; 9], 0, 0);
            for r in 0..3usize {
                for s in 0..3usize {
                    let (r, s, w) = (r.wrapping_add_signed(below), s.wrapping_add_signed(beside), w[n]);
                    match r < 3 && s < 3 {
                        true => kept[3 * r + s] = w,
                        false => fallen += zero * i32::from(w),
                    }
                    n += 1;
                }
            }
            // A column by itself goes down, all others go along rows.
            let (runs, count, steps) =
                if columns == 1 { (1, rows, [down * width, wide]) } else { (rows, columns, [right, 1]) };
            for run in 0..runs {
                let (from, at) = ((top + run * down) * width + left, (i + run) * wide + j);
                if let (Some(x), Some(y)) = (x.get(from..), y.get_mut(at..)) {
                    along(x, width, &kept, (finish, channel, fallen), y, (count, steps));
                }
            }
            j += columns;
        }
        i += rows;
    }
}

/// `count` windows and their outputs, steps apart in `x` and in `y`. `fallen` is added to the sums.
#[inline(never)]
fn along(
    x: &[i8],
    width: usize,
    w: &[i8; 9],
    (finish, channel, fallen): (&Finish<'_>, usize, i32),
    y: &mut [i8],
    (count, [x_step, y_step]): (usize, [usize; 2]),
) {
    let (Some(&bias), Some(&scale)) = (finish.bias.get(channel), finish.scale.get(channel)) else { return };
    if count == 0 || (count - 1) * x_step + 2 * width + 2 >= x.len() || (count - 1) * y_step >= y.len() {
        return;
    }
    let bias = bias.wrapping_add(fallen);
    let (mut x, mut y, [w, v, u]) = (x.as_ptr(), y.as_mut_ptr(), [0, 3, 6].map(|n| w[n..].as_ptr()));
    for _ in 0..count {
        // SAFETY: the last tap of the last window is in x and the last output in y, as was just compared, and all others lie
        // before them; three weights are at each of the three.
        unsafe {
            let sum = three(x, w, bias);
            let sum = three(x.wrapping_add(width), v, sum);
            let sum = three(x.wrapping_add(2 * width), u, sum);
            *y = finish.held(scale.apply(sum));
        }
        (x, y) = (x.wrapping_add(x_step), y.wrapping_add(y_step));
    }
}

/// `sum` and what three taps meet.
///
/// # Safety
/// Three numbers are at `x` and at `w`.
#[inline(always)]
unsafe fn three(x: *const i8, w: *const i8, sum: i32) -> i32 {
    // SAFETY: the caller's.
    let tap = |n: usize| unsafe { i32::from(*w.add(n)) * i32::from(*x.add(n)) };
    sum.wrapping_add(tap(0)).wrapping_add(tap(1)).wrapping_add(tap(2))
}
