//! The settings that balancing methods take beside the tasks.

use tress::mtl::balance::{
    AutoLambda, CaGrad, ExcessMtl, FairGrad, GradNorm, GradVac, ImtlL, Method, SmoothChebyshev, Uncertainty,
    Weighting,
};

use crate::error::Error;
use crate::train::training;

/// A method by name, the name of its setting, and the value that it has where nobody sets it; `None` where that is the
/// learning rate.
pub(crate) const METHOD_SETTINGS: [(&str, &str, Option<f64>); 10] = [
    ("auto-lambda", "rate", Some(1e-4)),
    ("cagrad", "c", Some(0.5)),
    ("excess-mtl", "rate", Some(0.01)),
    ("fairgrad", "alpha", Some(2.0)),
    ("gradnorm", "alpha", Some(1.5)),
    ("gradnorm", "rate", Some(0.025)),
    ("gradvac", "beta", Some(0.01)),
    ("imtl-l", "rate", None),
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
    let own = |name: &str| METHOD_SETTINGS.iter().find(|(m, s, _)| (*m, *s) == (method.name(), name));
    if let Some((name, _)) = settings.iter().find(|(name, _)| own(name).is_none()) {
        return Err(Error::Training(format!("{method} has no setting `{name}`")));
    }
    if settings.is_empty() {
        return Ok(Box::new(method.build(tasks, seed, rate).map_err(training)?));
    }
    let value = |name: &str| {
        let usual = own(name).and_then(|(_, _, usual)| *usual).unwrap_or(rate);
        settings.iter().find(|(set, _)| *set == name).map_or(usual, |(_, value)| *value)
    };
    Ok(match method {
        Method::AutoLambda => Box::new(AutoLambda::new(tasks, value("rate")).map_err(training)?),
        Method::CaGrad => Box::new(CaGrad::new(value("c")).map_err(training)?),
        Method::ExcessMtl => Box::new(ExcessMtl::new(tasks, value("rate")).map_err(training)?),
        Method::FairGrad => Box::new(FairGrad::new(value("alpha")).map_err(training)?),
        Method::GradNorm => Box::new(
            GradNorm::new(tasks, value("rate"))
                .and_then(|method| method.alpha(value("alpha")))
                .map_err(training)?,
        ),
        Method::GradVac => Box::new(GradVac::new(tasks, value("beta"), seed).map_err(training)?),
        Method::ImtlL => Box::new(ImtlL::new(tasks, value("rate")).map_err(training)?),
        Method::SmoothChebyshev => {
            Box::new(SmoothChebyshev::new(&vec![1.0; tasks], value("smoothing")).map_err(training)?)
        }
        Method::Uncertainty => Box::new(Uncertainty::new(tasks, value("rate")).map_err(training)?),
        // Whatever stands in the table above is made here.
        _ => return Err(Error::Training(format!("{method} takes no settings"))),
    })
}

#[cfg(test)]
mod tests {
    use super::{METHOD_SETTINGS, built};
    use tress::mtl::balance::{GradNorm, Method, Observation, Observes, Weighting};
    use tress::mtl::solve::Gramian;

    #[test]
    fn every_setting_that_is_listed_can_be_set_and_its_usual_value_is_the_usual_method() {
        let gramian = Gramian::new(2, &[4.0, -1.0, -1.0, 1.0]).unwrap();
        for (name, setting, usual) in METHOD_SETTINGS {
            let method: Method = name.parse().unwrap();
            // A setting shows after some steps, and slopes that were told; the alpha of GradNorm where it turns a sign.
            let weigh = |method: &mut dyn Weighting| {
                let mut all = Vec::new();
                for losses in [[2.0, 0.5], [1.35, 0.1625], [0.3, 0.2]] {
                    if method.observes() == Observes::Slopes {
                        method.observe(Observation::Slopes(&[1.0, -2.0])).unwrap();
                    }
                    all.push(method.weights(&losses, Some(&gramian)).ok());
                }
                (all, method.save())
            };
            let expected = weigh(&mut method.build(2, 1, 0.003).unwrap());
            let mut set = built(method, &[(setting, usual.unwrap_or(0.003))], 2, 1, 0.003).unwrap();
            assert_eq!((set.name(), weigh(&mut *set)), (name, expected));
            let other = built(method, &[(setting, 0.7)], 2, 1, 0.003).map(|mut other| weigh(&mut *other));
            let same = weigh(&mut method.build(2, 1, 0.003).unwrap());
            assert!(name == "excess-mtl" || other.unwrap() != same, "{name}: {setting} changes nothing");
            assert!(built(method, &[(setting, f64::NAN)], 2, 1, 0.003).is_err(), "{name}");
        }
        let both = built(Method::GradNorm, &[("alpha", 0.0), ("rate", 0.5)], 2, 1, 0.003).unwrap().save();
        let by_hand = GradNorm::new(2, 0.5).and_then(|method| method.alpha(0.0)).unwrap().save();
        assert_eq!(both, by_hand);
        let error = built(Method::Mgda, &[("c", 0.5)], 2, 1, 0.1).err().map(|e| e.to_string());
        assert!(error.is_some_and(|error| error.contains("mgda has no setting `c`")));
    }
}
