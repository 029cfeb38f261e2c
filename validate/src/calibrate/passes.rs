//! What several passes over all the measurements say together.
//!
//! On a shared machine, other tenants change what everything costs within seconds, and not
//! everything by the same factor: sending a message to another CPU by far more than computing. A
//! figure measured in one stretch has the luck of that moment, and figures with different lucks do
//! not add up. So all of them are measured again and again, and the profile has the means, because
//! what a run takes in all is a sum, and the mean of a sum is the sum of the means.

use sim::engine::Nanos;
use sim::machine::profile::{Profile, Sourced};
use sim::scenario::units::Bytes;
use sim::stats::Estimate;

/// The means over the passes, with Student's t intervals. What is the same in all was measured once,
/// and stays as it is.
///
/// # Panics
/// If there are no passes.
pub(super) fn means(passes: &[Profile]) -> Profile {
    Profile::merged(
        passes,
        |figures| mean(figures, |time| time.0 as f64, |value| Nanos(value as u64)),
        |figures| mean(figures, |size| size.0 as f64, |value| Bytes(value as u64)),
    )
}

fn mean<T: Copy + PartialEq>(
    figures: &[&Sourced<T>],
    number: impl Fn(T) -> f64,
    figure: impl Fn(f64) -> T,
) -> Sourced<T> {
    if figures.iter().all(|figure| *figure == figures[0]) {
        return figures[0].clone();
    }
    let values: Vec<f64> = figures.iter().map(|one| number(one.value)).collect();
    let Estimate { mean, half_width } = Estimate::of(&values).expect("there are passes");
    let bound = |value: f64| figure(value.max(0.0).round());
    Sourced {
        value: bound(mean),
        low: half_width.map(|half| bound(mean - half)),
        high: half_width.map(|half| bound(mean + half)),
        source: format!("{}; mean of {} passes", figures[0].source, values.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(value: u64) -> Sourced<Nanos> {
        Sourced {
            value: Nanos(value),
            low: None,
            high: None,
            source: "a clock; median of 9".to_owned(),
        }
    }

    #[test]
    fn passes_become_their_mean_with_its_interval() {
        let passes = [10, 20, 30].map(measured);
        let all: Vec<_> = passes.iter().collect();
        let mean = mean(&all, |time| time.0 as f64, |value| Nanos(value as u64));
        assert_eq!(mean.value, Nanos(20));
        // 20 -+ t(0.975, 2) 10 / sqrt(3): 4.3027 times 5.7735 is 24.84.
        assert_eq!((mean.low, mean.high), (Some(Nanos(0)), Some(Nanos(45))));
        assert_eq!(mean.source, "a clock; median of 9; mean of 3 passes");
    }

    #[test]
    fn what_was_measured_once_stays_as_it_is() {
        let mut once = measured(10);
        once.high = Some(Nanos(12));
        let mean = mean(
            &[&once, &once],
            |time| time.0 as f64,
            |value| Nanos(value as u64),
        );
        assert_eq!(mean, once);
    }

    #[test]
    fn every_figure_of_a_profile_is_averaged() {
        let text = include_str!("../../../sim/profiles/machines/epyc-vm.toml");
        let profile: Profile = toml::from_str(text).expect("the shipped profile is one");
        let mean = means(&[profile.at_pace(1.0), profile.at_pace(3.0)]);
        assert_eq!(mean.call.send.value, profile.call.send.value * 2);
        assert_eq!(mean.client.connect.value, profile.client.connect.value * 2);
        assert_eq!(
            mean.kernel.pageout_age.value,
            profile.kernel.pageout_age.value
        );
        assert_eq!(mean.memory.carrier.value, profile.memory.carrier.value);
    }
}
