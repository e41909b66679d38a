//! Wrong parameters, and what is said of them.

use super::params;
use super::rows::refusals;

#[test]
fn what_is_wrong_is_said() {
    for (name, text, said) in refusals() {
        let error = params(name, 65_536, text).expect_err(text);
        assert_eq!(error.to_string(), said, "{name} {text}");
    }
}
