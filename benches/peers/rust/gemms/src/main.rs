//! Plain matrix-multiply crates: gemm, matrixmultiply, faer, ndarray, rten-gemm.
use peer_common::*;

fn make(w: &Work, ctx: &Ctx) -> Made {
    if w.op != "gemm" {
        return skip("gemm only");
    }
    let (m, k, n) = (w.u("m"), w.u("k"), w.u("n"));
    let (a, b, c) = (rnd(m * k, 1), rnd(k * n, 2), vec![0f32; m * n]);
    // Row/column strides of op(A) [m,k] and op(B) [k,n].
    let (ars, acs) = if w.s("tr") == "tn" { (1isize, m as isize) } else { (k as isize, 1) };
    let (brs, bcs) = if w.s("tr") == "nt" { (1isize, k as isize) } else { (n as isize, 1) };
    let t = ctx.threads;
    match ctx.peer.split('@').next().unwrap() {
        // SAFETY: the three matrices lie inside their vectors, which nothing else uses meanwhile.
        "gemm" => run_into(c, move |c| unsafe {
            let par = if t == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(t) };
            gemm::gemm(
                m,
                n,
                k,
                c.as_mut_ptr(),
                1,
                n as isize,
                false,
                a.as_ptr(),
                acs,
                ars,
                b.as_ptr(),
                bcs,
                brs,
                0.0,
                1.0,
                false,
                false,
                false,
                par,
            );
        }),
        // SAFETY: as above.
        "matrixmultiply" => run_into(c, move |c| unsafe {
            matrixmultiply::sgemm(
                m,
                k,
                n,
                1.0,
                a.as_ptr(),
                ars,
                acs,
                b.as_ptr(),
                brs,
                bcs,
                0.0,
                c.as_mut_ptr(),
                n as isize,
                1,
            );
        }),
        // SAFETY: as above.
        "faer" => run_into(c, move |c| unsafe {
            let par = if t == 1 { faer::Par::Seq } else { faer::Par::rayon(t) };
            let av = faer::MatRef::from_raw_parts(a.as_ptr(), m, k, ars, acs);
            let bv = faer::MatRef::from_raw_parts(b.as_ptr(), k, n, brs, bcs);
            let cv = faer::MatMut::from_raw_parts_mut(c.as_mut_ptr(), m, n, n as isize, 1);
            faer::linalg::matmul::matmul(cv, faer::Accum::Replace, av, bv, 1.0f32, par);
        }),
        "ndarray" => {
            use ndarray::{Array2, ShapeBuilder};
            let sh = |r: usize, c: usize, f: bool| if f { (r, c).f() } else { (r, c).set_f(false) };
            let av = Array2::from_shape_vec(sh(m, k, ars == 1 && k != 1), a).unwrap();
            let bv = Array2::from_shape_vec(sh(k, n, brs == 1 && n != 1), b).unwrap();
            run(move || av.dot(&bv), |y| y.iter().copied().collect())
        }
        "rten-gemm" => {
            use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
            use rten_tensor::prelude::*;
            use rten_tensor::NdTensorView;
            let e = GemmExecutor::<f32>::default();
            let (at, bt) = (w.s("tr") == "tn", w.s("tr") == "nt");
            run_into(c, move |c| {
                let av = if at {
                    NdTensorView::from_data([k, m], &a[..]).transposed()
                } else {
                    NdTensorView::from_data([m, k], &a[..])
                };
                let bv = if bt {
                    NdTensorView::from_data([n, k], &b[..]).transposed()
                } else {
                    NdTensorView::from_data([k, n], &b[..])
                };
                e.gemm(&mut c[..], GemmInputA::Unpacked(av), GemmInputB::Unpacked(bv), GemmOptions::default()).unwrap();
            })
        }
        p => skip(&format!("unknown peer {p}")),
    }
}

fn main() {
    main_loop(
        &[("gemm", "0.19"), ("matrixmultiply", "0.3.11"), ("faer", "0.24"), ("ndarray", "0.17"), ("rten-gemm", "0.27")],
        make,
    );
}
