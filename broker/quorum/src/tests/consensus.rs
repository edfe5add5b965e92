use super::world::World;

#[tokio::test(start_paused = true)]
async fn a_broker_alone_decides_and_remembers_over_a_restart() {
    let mut world = World::of(1, 1).await;
    world.create(0, "a").await.unwrap();
    world.create(0, "b").await.unwrap();
    world.kill(0).await;
    world.start(0).await.unwrap();
    world.leader().await;
    assert_eq!(world.topics(0), ["a", "b"]);
    world.create(0, "c").await.unwrap();
    assert_eq!(world.topics(0), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_leader_decides_reaches_everybody() {
    let world = World::of(3, 2).await;
    let leader = world.leader().await;
    world.create(leader, "a").await.unwrap();
    for broker in 0..3 {
        world.arrives(broker, "a").await;
    }
}
