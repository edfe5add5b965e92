//! What the user is told once the brokers serve.

use super::Place;
use super::children::Child;

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
pub(super) fn ready(bootstrap: &str, place: &Place) {
    let (data, fate) = (place.directory.display(), place.fate());
    println!("weir is ready: bootstrap address {bootstrap}, data in {data} ({fate}). Ctrl-C stops it.\n");
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
pub(super) fn brokers(children: &[Child]) {
    for child in children {
        let (id, pid, ports) = (child.id, child.pid, &child.ports);
        println!(
            "  broker {id}  pid {pid:<8} kafka localhost:{}  peer localhost:{}  admin localhost:{}  settings {}",
            ports.kafka,
            ports.peer,
            ports.admin,
            child.settings.display()
        );
    }
    println!();
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
pub(super) fn first_steps(bootstrap: &str) {
    println!(
        "With kcat:\n  \
         echo hello | kcat -b {bootstrap} -t greetings -P\n  \
         kcat -b {bootstrap} -t greetings -C -e\n\n\
         With Python (pip install kafka-python):\n  \
         from kafka import KafkaProducer\n  \
         producer = KafkaProducer(bootstrap_servers=\"{bootstrap}\")\n  \
         producer.send(\"greetings\", b\"hello\").get()\n\n\
         With weir itself:\n  \
         echo hello | weir produce greetings --create --bootstrap {bootstrap}\n  \
         weir consume greetings --bootstrap {bootstrap}\n"
    );
}
