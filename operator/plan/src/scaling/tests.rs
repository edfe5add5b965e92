//! Fleets in a table, with what is thought of them; what must hold of any fleet; and half an hour of a load that changes.

mod random;
mod windows;

use weir_model::BrokerId;

use super::*;

/// Brokers of the ids 0, 1, …, each with that much of every target (in percent), and no partition that matters alone.
fn fleet(percents: &[u64]) -> Fleet {
    let part = |percent: &u64| Part { load: percent * 10, lump: 0 };
    let bearer = |(id, percent): (usize, &u64)| Bearer {
        id: BrokerId(i32::try_from(id).unwrap()),
        cpu: part(percent),
        disk: Part { load: 1, lump: 0 },
        network: Part { load: 1, lump: 0 },
        rack: None,
    };
    Fleet {
        brokers: u32::try_from(percents.len()).unwrap(),
        bearers: percents.iter().enumerate().map(bearer).collect(),
        limits: Limits { cpu_millicores: Some(1_000), disk_bytes: Some(1_000), network_bytes: Some(1_000) },
        partitions: 100,
        largest: Some(("orders".to_owned(), 3)),
        ..Fleet::default()
    }
}

const UP_TO_TEN: Bounds = Bounds { min: 3, max: 10 };

/// `recommended Reason`, whether one more helps, and why one fewer is not safe.
fn told(fleet: &Fleet, bounds: Bounds) -> String {
    let judgement = judge(fleet, bounds);
    let one_fewer = judgement.one_fewer.map_or("safe".to_owned(), |why| why.to_string());
    let one_more = match judgement.one_more.helps() {
        Some(true) => "one more helps",
        Some(false) => "one more does not",
        None => "unknown",
    };
    format!("{} {}; {one_more}; {one_fewer}", judgement.recommended, judgement.because.reason())
}

type Case = (&'static str, Fleet, &'static str);

fn check(cases: &[Case]) {
    for (name, fleet, expected) in cases {
        let told = told(fleet, UP_TO_TEN);
        assert!(told.starts_with(expected), "{name}: {told}, expected {expected}");
    }
}

#[test]
fn load_that_spreads_is_given_as_many_brokers_as_it_needs() {
    check(&[
        ("all is well", fleet(&[50, 50, 50]), "3 MinReplicas; one more does not; fewer than 3"),
        ("just at the target", fleet(&[100, 100, 100]), "3 WithinTargets; one more does not"),
        ("a little more", fleet(&[101, 100, 100]), "4 Cpu; one more helps"),
        ("twice as much", fleet(&[200, 200, 200]), "6 Cpu; one more helps"),
        ("more than anybody wants to pay", fleet(&[900, 900, 900]), "10 MaxReplicas; one more helps"),
        (
            "between the thresholds",
            fleet(&[70, 70, 70, 70]),
            "4 WithinTargets; one more does not; the others would bear",
        ),
        ("one fewer would do", fleet(&[60, 60, 60, 60]), "3 MinReplicas; one more does not; safe"),
        ("many fewer would do", fleet(&[32; 10]), "4 Cpu; one more does not; safe"),
        ("idle", fleet(&[0; 6]), "3 MinReplicas; one more does not; safe"),
    ]);
}

#[test]
fn each_resource_may_bind() {
    let with = |change: fn(&mut Bearer)| {
        let mut fleet = fleet(&[50, 50, 50]);
        fleet.bearers.iter_mut().for_each(change);
        fleet
    };
    check(&[
        ("disk", with(|bearer| bearer.disk.load = 1_500), "5 Disk; one more helps"),
        ("network", with(|bearer| bearer.network.load = 1_200), "4 Network; one more helps"),
    ]);
}

#[test]
fn what_one_partition_brings_is_no_reason_for_more_brokers() {
    let mut one_partition = fleet(&[250, 20, 20]);
    one_partition.bearers[0].cpu.lump = 2_300;
    let mut everywhere = fleet(&[300, 300, 300]);
    everywhere.bearers.iter_mut().for_each(|bearer| bearer.cpu.lump = 2_900);
    let mut both = fleet(&[300, 300, 300]);
    both.bearers[0].cpu.lump = 2_900;
    let mut few = fleet(&[150, 150, 150]);
    few.partitions = 3;
    check(&[
        ("one partition of one broker", one_partition, "3 HotPartition; one more does not"),
        ("one partition with replicas everywhere", everywhere, "4 Cpu; one more helps"),
        ("one partition, and much else", both, "8 Cpu; one more helps"),
        ("uneven", fleet(&[160, 20, 20]), "3 Uneven; one more does not"),
        ("as many partitions as brokers", few, "3 Uneven; one more does not"),
    ]);
}

#[test]
fn one_fewer_is_safe_only_when_everything_is_known_and_fits() {
    let idle = || fleet(&[10; 5]);
    let mut unmeasured = idle();
    unmeasured.bearers.pop();
    unmeasured.unmeasured = vec![BrokerId(4)];
    let mut nothing_known = idle();
    nothing_known.limits = Limits::default();
    let mut factor = idle();
    factor.largest = Some(("orders".to_owned(), 5));
    let mut racks = idle();
    for (bearer, rack) in racks.bearers.iter_mut().zip(["a", "b", "a", "b", "c"]) {
        bearer.rack = Some(rack.to_owned());
    }
    let mut two_racks = racks.clone();
    two_racks.largest = Some(("orders".to_owned(), 2));
    let mut drained = fleet(&[10; 3]);
    (drained.brokers, drained.idle) = (4, 1);
    check(&[
        ("idle", idle(), "3 MinReplicas; one more does not; safe"),
        ("somebody does not say", unmeasured, "5 MeasuresUnknown; unknown; it is not known"),
        ("nobody said what may be borne", nothing_known, "5 NoTargets; unknown; it is not known"),
        ("five replicas", factor, "5 ReplicationFactor; one more does not; topic orders has 5 replicas"),
        (
            "the only one of its zone",
            racks,
            "5 OneFewerNotSafe; one more does not; broker 4 is the only one in c",
        ),
        ("two replicas in three zones", two_racks, "3 MinReplicas; one more does not; safe"),
        ("a drained one", drained, "4 ReplicationFactor; one more does not; topic orders has 3 replicas"),
    ]);
}

#[test]
fn a_small_cluster_is_never_made_smaller_than_a_quorum() {
    for (brokers, told_of) in [(3, "3 OneFewerNotSafe"), (2, "2 OneFewerNotSafe"), (1, "1 WithinTargets")] {
        let mut fleet = fleet(&vec![0; brokers]);
        fleet.largest = Some(("orders".to_owned(), 1));
        let told = told(&fleet, Bounds { min: 1, max: 10 });
        assert!(told.starts_with(told_of), "{told}");
    }
}

#[test]
fn sentences_say_what_to_do() {
    let says = |fleet: &Fleet, bounds, words: &str| {
        let sentence = judge(fleet, bounds).because.to_string();
        assert!(sentence.contains(words), "{sentence}");
    };
    says(
        &fleet(&[200, 200, 200]),
        Bounds { min: 3, max: 4 },
        "cpu would need 6 brokers: raise autoscaling.maxReplicas",
    );
    says(&fleet(&[160, 20, 20]), UP_TO_TEN, "broker 0 bears 160 % of its target for cpu");
    let mut hot = fleet(&[160, 20, 20]);
    hot.bearers[0].cpu.lump = 1_500;
    says(&hot, UP_TO_TEN, "give its topic more partitions");
}
