//! [`EndWatch`]: when the end of a certificate is told.

use std::time::{Duration, SystemTime};

use super::{CertificateNews, news::DAY};

/// Tells of the end of a certificate, at each of a few times before it once.
#[derive(Debug, Default)]
pub(super) struct EndWatch {
    /// The last of these times that was told, and for which certificate.
    told: Option<(SystemTime, usize)>,
}

/// From this long before its end on, a certificate should be renewed.
pub(super) const ENDS_SOON: Duration = DAY.saturating_mul(30);

/// How long before the end of a certificate that is told.
const TOLD_BEFORE: [Duration; 3] = [ENDS_SOON, DAY.saturating_mul(7), DAY];

impl EndWatch {
    /// What there is to tell at this time of day of a certificate that ends then.
    pub(super) fn look(&mut self, end: SystemTime, now: SystemTime) -> Option<CertificateNews> {
        let left = end.duration_since(now).unwrap_or_default();
        let stage = if left.is_zero() {
            TOLD_BEFORE.len() + 1
        } else {
            TOLD_BEFORE.iter().filter(|before| left <= **before).count()
        };
        let is_told = self.told.is_some_and(|(told, before)| told == end && before >= stage);
        if stage == 0 || is_told {
            return None;
        }
        self.told = Some((end, stage));
        Some(if left.is_zero() {
            CertificateNews::Ended { at: end }
        } else {
            CertificateNews::EndsSoon { at: end, left }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_told_a_few_times_before_and_again_for_a_new_one() {
        let day = DAY;
        let end = SystemTime::UNIX_EPOCH + day * 1000;
        let mut watch = EndWatch::default();
        let mut told = Vec::new();
        for before in [100, 31, 30, 29, 8, 7, 6, 2, 1] {
            if let Some(news) = watch.look(end, end - day * before) {
                let CertificateNews::EndsSoon { at, left } = news else { panic!("{news:?}") };
                assert_eq!((at, left), (end, day * before));
                told.push(before);
            }
        }
        assert_eq!(told, [30, 7, 1]);
        assert_eq!(watch.look(end, end), Some(CertificateNews::Ended { at: end }));
        assert_eq!(watch.look(end, end + day), None);
        // One that has ended already, and one that has not.
        assert!(watch.look(end - day, end).is_some());
        assert_eq!(watch.look(end + day * 60, end), None);
    }
}
