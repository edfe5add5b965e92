//! What a user got wrong and Kubernetes tells in words of its own, or not at all: which StorageClass there is none of, and
//! what to change where an image can not be had. Decides sentences only.

use crate::observed::Observed;

/// The sentence about a volume whose StorageClass does not exist. Not known classes are no reason to say anything.
pub(super) fn missing_storage_class(observed: &Observed) -> Option<String> {
    let classes = observed.storage_classes.as_ref()?;
    let (volume, class) = observed.volumes.iter().filter(|volume| !volume.bound).find_map(|volume| {
        let class = volume.storage_class.as_deref().filter(|class| !class.is_empty())?;
        classes.iter().all(|there| there.name != class).then_some((volume, class))
    })?;
    let mut names: Vec<_> = classes.iter().map(|class| class.name.as_str()).collect();
    names.sort_unstable();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Some(format!(
        "volume {} can not be made: there is no StorageClass {class}: make one, or delete the Cluster and its volumes and name another \
         (there are: {there})",
        volume.name
    ))
}

/// What to do about a pod's trouble, ahead of Kubernetes' own words; nothing where those say it.
pub(super) fn way_out(reason: &str) -> &'static str {
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" => {
            "its image can not be pulled: correct spec.image or spec.version, or let the nodes reach it: "
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::nothing;
    use crate::observed::{StorageClassSeen, VolumeSeen};

    #[test]
    fn a_volume_that_no_class_can_make_names_the_classes_that_there_are() {
        let mut observed = nothing();
        let claim = |bound| VolumeSeen {
            name: "data-logs-0".into(),
            storage_class: Some("fast".into()),
            bound,
            ..VolumeSeen::default()
        };
        observed.volumes = vec![claim(false)];
        observed.storage_classes = None;
        assert_eq!(missing_storage_class(&observed), None, "classes may not be read");
        let class = |name: &str| StorageClassSeen { name: name.into(), ..StorageClassSeen::default() };
        observed.storage_classes = Some(vec![class("standard"), class("slow")]);
        let told = missing_storage_class(&observed).unwrap_or_default();
        assert!(
            told.contains("no StorageClass fast") && told.ends_with("(there are: slow, standard)"),
            "{told}"
        );
        observed.volumes = vec![claim(true)];
        assert_eq!(missing_storage_class(&observed), None, "it was made before the class went");
        observed.volumes = vec![claim(false)];
        observed.storage_classes = Some(vec![class("fast")]);
        assert_eq!(missing_storage_class(&observed), None);
    }
}
