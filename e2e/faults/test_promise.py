"""No fault is done that the contract does not survive, and those it survives are."""

import unittest

from faults.promise import Quorum, Scene, Standing, filled, forbids
from faults.schedule import ISOLATE, KILL, KILL_ALL, KINDS, PAUSE, STOP_ALL, WIPE

ALL = frozenset(range(3))


def scene(hurt=None, in_sync=ALL, leader=0, voters=ALL, caught_up=ALL, brokers=3) -> Scene:
    standing = Standing("t", 0, leader, ALL, frozenset(in_sync))
    return Scene(brokers, hurt or {}, (standing,), Quorum(0, frozenset(voters), frozenset(caught_up)))


class TheContract(unittest.TestCase):
    def test_lets_anything_happen_to_a_whole_cluster(self):
        self.assertEqual([kind for kind in KINDS if forbids(kind, 1, scene())], [])

    def test_lets_brokers_that_keep_their_disks_be_hurt_together(self):
        for kind in (KILL, PAUSE, ISOLATE):
            self.assertIsNone(forbids(kind, 2, scene({0: PAUSE, 1: KILL}, in_sync={2}, caught_up={2})))

    def test_has_one_fault_for_a_broker(self):
        self.assertIn("has a fault already", forbids(KILL, 1, scene({1: PAUSE})))

    def test_has_no_fault_for_all_beside_another(self):
        for kind in (KILL_ALL, STOP_ALL):
            self.assertIn("this one is for all", forbids(kind, 0, scene({1: PAUSE})))

    def test_lets_a_disk_be_wiped_while_another_broker_is_down(self):
        for kind in (KILL, PAUSE, ISOLATE):
            self.assertIsNone(forbids(WIPE, 1, scene({0: kind}, in_sync={1, 2}, leader=2, caught_up={1, 2})))

    def test_lets_others_be_hurt_while_a_wiped_broker_is_gone(self):
        self.assertIsNone(forbids(KILL, 1, scene({0: WIPE}, in_sync={1, 2}, leader=2, caught_up={1, 2})))

    def test_never_wipes_two_disks(self):
        self.assertIn("another disk", forbids(WIPE, 1, scene({0: WIPE}, in_sync={1, 2}, leader=2, caught_up={1, 2})))

    def test_never_wipes_while_a_wiped_broker_with_another_fault_has_not_been_whole(self):
        # Seed 209: broker 1 was paused before it voted again, so the majority that was left had lost its votes.
        paused = Scene(3, {1: PAUSE}, scene(in_sync={0, 2}).standings, Quorum(0, ALL, frozenset({0, 2})), frozenset({1}))
        self.assertIn("broker 1 has not been seen whole", forbids(WIPE, 2, paused))

    def test_knows_a_wiped_broker_to_be_whole_when_it_votes_and_is_in_sync(self):
        whole = scene()
        self.assertTrue(filled(1, whole.standings, whole.quorum))
        self.assertFalse(filled(1, scene(in_sync={0, 2}).standings, whole.quorum))
        self.assertFalse(filled(1, whole.standings, scene(voters={0, 2}).quorum))
        self.assertFalse(filled(1, whole.standings, scene(caught_up={0, 2}).quorum))
        self.assertFalse(filled(1, (), whole.quorum))

    def test_never_wipes_while_a_replica_catches_up(self):
        self.assertIn("not every replica is in sync", forbids(WIPE, 1, scene(in_sync={0, 1})))

    def test_never_wipes_where_nobody_leads(self):
        self.assertIn("not every replica is in sync", forbids(WIPE, 1, scene(leader=-1)))

    def test_never_wipes_the_last_copy_that_no_fault_is_near(self):
        self.assertIn("nobody without a fault", forbids(WIPE, 2, scene({0: PAUSE, 1: KILL}, leader=2, caught_up={2})))

    def test_never_wipes_before_a_wiped_broker_votes_again(self):
        self.assertIn("voters [0, 1] only", forbids(WIPE, 0, scene(voters={0, 1}, caught_up={0, 1})))

    def test_never_wipes_while_a_voter_is_behind(self):
        self.assertIn("broker 2 does not know", forbids(WIPE, 0, scene(caught_up={0, 1})))

    def test_never_wipes_where_no_majority_would_be_left(self):
        pair = frozenset({0, 1})
        two = Scene(2, {}, (Standing("t", 0, 0, pair, pair),), Quorum(0, pair, pair))
        self.assertIn("no majority", forbids(WIPE, 1, two))

    def test_never_wipes_what_nobody_knows_about(self):
        self.assertIn("partitions stand", forbids(WIPE, 1, Scene(3, {})))
        self.assertIn("quorum stands", forbids(WIPE, 1, Scene(3, {}, scene().standings)))


if __name__ == "__main__":
    unittest.main()
