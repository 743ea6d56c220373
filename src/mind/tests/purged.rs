//! A purge by another process: what is served stops at the next look.

use postern_sdk::Reason;

use super::super::keyring::{GenerationName, KeyFile};
use super::serving::{Service, answer, version};
use super::*;

// Proves that a copy whose key file another process destroyed is not answered from after the next look, that it says why at
// every later one, and that the key in memory is gone; and that a newer state under a key that is here is served again.
#[test]
fn a_key_that_is_gone_ends_the_service() {
    let mut service = Service::new();
    service.site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    let (mind, _) = service.open();
    assert_eq!(answer(&mind, number("L898902C3")).hits().len(), 1);
    let name = GenerationName::new("documents", service.site.generation.name()).unwrap();
    assert!(KeyFile::destroy(&service.site.folder, &name).unwrap());
    for look in 0..3 {
        mind.reload();
        assert_eq!(version(&mind), None, "{look}");
        assert_eq!(answer(&mind, number("L898902C3")), Finding::NotChecked(Reason::CopyPurged), "{look}");
        // A state that is new here must not open with a key that only memory has.
        if look == 1 {
            service.site.build(2, &csv(&[ROW, TDAWN])).unwrap();
        }
    }
    service.site.generation = Arc::new(Generation::random().unwrap());
    service.wrap(&service.site.generation);
    service.site.build(3, &csv(&[ROW, TDAWN])).unwrap();
    mind.reload();
    assert_eq!(version(&mind), Some(3));
}

// Proves that an operator who brings the key back with a newer state is served again.
#[test]
fn a_key_that_comes_back_is_served_again() {
    let service = Service::new();
    service.site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    let (mind, _) = service.open();
    let name = GenerationName::new("documents", service.site.generation.name()).unwrap();
    KeyFile::destroy(&service.site.folder, &name).unwrap();
    mind.reload();
    assert_eq!(mind.without_reason(Dataset::Documents), Some(Reason::CopyPurged));
    service.wrap(&service.site.generation);
    service.site.build(2, &csv(&[ROW, TDAWN])).unwrap();
    mind.reload();
    assert_eq!((version(&mind), mind.without_reason(Dataset::Documents)), (Some(2), None));
}
