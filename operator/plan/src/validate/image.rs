//! Which image the brokers run. Without a word from the user a running cluster keeps its image: an operator that is
//! upgraded must not restart anybody's brokers. An image that does not start is none to keep: taking a bad one out of the
//! spec goes back to what the others run.

use weir_operator_api::ClusterSpec;

use super::Invalid;
use crate::observed::{Observed, PodSeen};

pub(super) fn choose(spec: &ClusterSpec, observed: &Observed, wrong: &mut Vec<Invalid>) -> String {
    match (&spec.image, &spec.version) {
        (Some(_), Some(_)) => {
            let message = "set spec.image or spec.version, not both: the image says the version";
            wrong.push(Invalid::at("spec.image", message));
            String::new()
        }
        (Some(image), None) => checked(image, wrong),
        (None, Some(version)) => tagged(&observed.defaults.image, version, wrong),
        (None, None) => running(observed).unwrap_or(&observed.defaults.image).to_owned(),
    }
}

fn running(observed: &Observed) -> Option<&str> {
    let set = observed.stateful_set().and_then(|set| set.image())?;
    Some(instead_of_broken(set, &observed.pods).unwrap_or(set))
}

/// What ready pods run, where the image is in trouble and no pod is ready with it.
fn instead_of_broken<'a>(image: &str, pods: &'a [PodSeen]) -> Option<&'a str> {
    let (with, others): (Vec<_>, Vec<_>) = pods.iter().partition(|pod| pod.image.as_deref() == Some(image));
    let broken = with.iter().any(|pod| pod.trouble.is_some()) && !with.iter().any(|pod| pod.ready);
    others.iter().find(|pod| broken && pod.ready).and_then(|pod| pod.image.as_deref())
}

fn checked(image: &str, wrong: &mut Vec<Invalid>) -> String {
    if image.is_empty() || image.len() > 512 || image.contains(|c: char| c.is_whitespace()) {
        let message = "an image is a name such as registry.example/weir:0.1.0";
        wrong.push(Invalid::at("spec.image", message));
    }
    image.to_owned()
}

/// The default image with another tag.
fn tagged(default: &str, version: &str, wrong: &mut Vec<Invalid>) -> String {
    let legal = (1..=128).contains(&version.len())
        && version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && !version.starts_with(['.', '-']);
    if !legal {
        wrong.push(Invalid::at("spec.version", "a version is the tag of an image, such as 0.1.0"));
    }
    format!("{}:{version}", repository(default))
}

/// An image's name without its tag and digest. A colon before the last slash belongs to a port.
fn repository(image: &str) -> &str {
    let named = image.split('@').next().unwrap_or(image);
    match named.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => named,
    }
}

/// The version that an image's name tells: its tag, or else the end of its digest.
pub(crate) fn version(image: &str) -> &str {
    let named = image.split('@').next().unwrap_or(image);
    let tag = named.strip_prefix(repository(image)).and_then(|tag| tag.strip_prefix(':'));
    let digest = image.split_once('@').map(|(_, digest)| digest.trim_start_matches("sha256:"));
    tag.or(digest.map(|digest| digest.get(..12).unwrap_or(digest))).unwrap_or("latest")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Trouble;

    fn pod(image: &str, ready: bool, trouble: bool) -> PodSeen {
        let trouble = trouble.then(|| Trouble { reason: "ErrImagePull".into(), message: String::new() });
        PodSeen { image: Some(image.into()), ready, trouble, ..PodSeen::default() }
    }

    #[test]
    fn an_image_that_does_not_start_is_given_up_for_the_one_that_runs() {
        let cases = [
            ("nobody has it yet", vec![pod("old", true, false)], None),
            ("it is starting", vec![pod("old", true, false), pod("new", false, false)], None),
            ("it does not start", vec![pod("old", true, false), pod("new", false, true)], Some("old")),
            (
                "it starts elsewhere",
                vec![pod("new", true, false), pod("new", false, true), pod("old", true, false)],
                None,
            ),
            ("nothing else runs", vec![pod("old", false, false), pod("new", false, true)], None),
        ];
        for (case, pods, expected) in cases {
            assert_eq!(instead_of_broken("new", &pods), expected, "{case}");
        }
    }

    #[test]
    fn a_version_replaces_the_tag_and_nothing_else() {
        let cases = [
            ("ghcr.io/weir/weir:0.1.0", "ghcr.io/weir/weir:2"),
            ("localhost:5000/weir", "localhost:5000/weir:2"),
            ("localhost:5000/weir:0.1.0", "localhost:5000/weir:2"),
            ("weir@sha256:abc", "weir:2"),
            ("weir:1@sha256:abc", "weir:2"),
        ];
        for (default, expected) in cases {
            assert_eq!(tagged(default, "2", &mut Vec::new()), expected, "{default}");
        }
    }

    #[test]
    fn an_image_tells_its_version() {
        let cases = [
            ("ghcr.io/weir/weir:0.1.0", "0.1.0"),
            ("localhost:5000/weir", "latest"),
            ("weir:1@sha256:abc", "1"),
            ("weir@sha256:0123456789abcdef", "0123456789ab"),
        ];
        for (image, expected) in cases {
            assert_eq!(version(image), expected, "{image}");
        }
    }
}
