//! The settings that balancing methods take beside the tasks.

use tress::mtl::balance::{
    CaGrad, ExcessMtl, FairGrad, GradNorm, GradVac, Method, SmoothChebyshev, Uncertainty, Weighting,
};

use crate::error::Error;
use crate::train::training;

/// A method by name, the name of its setting, and the value that it has where nobody sets it; `None` where that is the
/// learning rate.
pub(crate) const METHOD_SETTINGS: [(&str, &str, Option<f64>); 7] = [
    ("cagrad", "c", Some(0.5)),
    ("excess-mtl", "rate", Some(0.01)),
    ("fairgrad", "alpha", Some(2.0)),
    ("gradnorm", "alpha", Some(1.5)),
    ("gradvac", "beta", Some(0.5)),
    ("smooth-chebyshev", "smoothing", Some(0.1)),
    ("uncertainty", "rate", None),
];

/// A method with some settings, all others as [`Method::build`] has them.
///
/// # Errors
/// [`Error::Training`] for a setting that the method has not, or a value that it refuses.
pub(super) fn built(
    method: Method,
    settings: &[(&'static str, f64)],
    tasks: usize,
    seed: u64,
    rate: f64,
) -> Result<Box<dyn Weighting>, Error> {
    let [(name, value)] = settings[..] else {
        return match settings {
            [] => Ok(Box::new(method.build(tasks, seed, rate).map_err(training)?)),
            _ => Err(Error::Training(format!("{method} takes one setting at most"))),
        };
    };
    Ok(match (method, name) {
        (Method::CaGrad, "c") => Box::new(CaGrad::new(value).map_err(training)?),
        (Method::ExcessMtl, "rate") => Box::new(ExcessMtl::new(tasks, value).map_err(training)?),
        (Method::FairGrad, "alpha") => Box::new(FairGrad::new(value).map_err(training)?),
        (Method::GradNorm, "alpha") => {
            Box::new(GradNorm::new(tasks, rate).and_then(|method| method.alpha(value)).map_err(training)?)
        }
        (Method::GradVac, "beta") => Box::new(GradVac::new(tasks, value, seed).map_err(training)?),
        (Method::SmoothChebyshev, "smoothing") => {
            Box::new(SmoothChebyshev::new(&vec![1.0; tasks], value).map_err(training)?)
        }
        (Method::Uncertainty, "rate") => Box::new(Uncertainty::new(tasks, value).map_err(training)?),
        _ => return Err(Error::Training(format!("{method} has no setting `{name}`"))),
    })
}

#[cfg(test)]
mod tests {
    use super::{METHOD_SETTINGS, built};
    use tress::mtl::balance::{Method, Weighting};
    use tress::mtl::solve::Gramian;

    #[test]
    fn every_setting_that_is_listed_can_be_set_and_its_usual_value_is_the_usual_method() {
        let gramian = Gramian::new(2, &[4.0, -1.0, -1.0, 1.0]).unwrap();
        for (name, setting, usual) in METHOD_SETTINGS {
            let method: Method = name.parse().unwrap();
            let weigh = |method: &mut dyn Weighting| method.weights(&[2.0, 0.5], Some(&gramian)).ok();
            let expected = weigh(&mut method.build(2, 1, 0.003).unwrap());
            let mut set = built(method, &[(setting, usual.unwrap_or(0.003))], 2, 1, 0.003).unwrap();
            assert_eq!((set.name(), weigh(&mut *set)), (name, expected));
            assert!(built(method, &[(setting, f64::NAN)], 2, 1, 0.003).is_err(), "{name}");
        }
        let error = built(Method::Mgda, &[("c", 0.5)], 2, 1, 0.1).err().map(|e| e.to_string());
        assert!(error.is_some_and(|error| error.contains("mgda has no setting `c`")));
    }
}
