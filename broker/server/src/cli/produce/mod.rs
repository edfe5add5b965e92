//! `weir produce`: records from stdin, a file or the command line, acknowledged by all replicas in sync before it ends.
//!
//! What is typed or piped in slowly is sent at once; what comes fast is batched.

mod line;
mod reading;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use tokio::sync::mpsc;
use tokio::time::timeout;
use weir_client::{ClientError, Delivered, ErrorCode, NewTopic, Producer, ProducerOptions, ToProduce};
use weir_model::PartitionIndex;
use weir_model::records::Codec;

use super::failure::Failure;
use super::interrupt::Interrupt;
use super::output::counted;
use super::pairs::parse_pair;
use super::progress::{self, Unit};
use super::session::Session;
use super::wall_clock::now;
use line::{LineFormat, parse_line};
use reading::{Chunk, Source};

/// Records that come slower than this are sent one by one.
const LINGER: Duration = Duration::from_millis(5);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Records are read from stdin, one a line, until its end (Ctrl-D), unless --value or --file is given."
)]
pub(crate) struct Args {
    /// The topic
    topic: String,
    /// Send this one value, and read no lines
    #[arg(long, short, conflicts_with_all = ["file", "key_separator"])]
    value: Option<String>,
    /// Send one record without a value, which deletes its key from a compacted topic
    #[arg(long, requires = "key", conflicts_with_all = ["value", "file", "key_separator"])]
    tombstone: bool,
    /// Read lines from this file
    #[arg(long, short, value_name = "PATH")]
    file: Option<PathBuf>,
    /// The key of every record
    #[arg(long, short, conflicts_with = "key_separator")]
    key: Option<String>,
    /// Lines are KEY<separator>VALUE; \t is a tab
    #[arg(long, short = 's', value_name = "TEXT")]
    key_separator: Option<String>,
    /// A header of every record; may be given often
    #[arg(long, short = 'H', value_name = "NAME=VALUE", value_parser = parse_pair)]
    header: Vec<(String, String)>,
    /// The partition [default: by key as Kafka's own clients choose, or spread]
    #[arg(long, short, value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Create the topic with the broker's defaults when there is none of that name
    #[arg(long)]
    create: bool,
    /// How batches are compressed
    #[arg(long, short = 'z', value_enum, default_value_t = Compression::None)]
    compression: Compression,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    fn codec(self) -> Codec {
        match self {
            Self::None => Codec::None,
            Self::Gzip => Codec::Gzip,
            Self::Snappy => Codec::Snappy,
            Self::Lz4 => Codec::Lz4,
            Self::Zstd => Codec::Zstd,
        }
    }
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    // First, so that a wrong name is told before anything is read or typed.
    match session.topic(&args.topic).await {
        Err(Failure::UnknownTopic { .. }) if args.create => create_topic(session, &args.topic).await?,
        found => drop(found?),
    }
    let options = ProducerOptions { codec: args.compression.codec(), ..Default::default() };
    let producer = Producer::new(session.client.clone(), options).await?;
    let mut sender =
        Sender { session, producer, format: format(&args)?, template: template(&args), topic: args.topic };
    let sent = match (args.value, args.tombstone) {
        (Some(value), _) => sender.send_one(Some(value.into())).await,
        (None, true) => sender.send_one(None).await,
        (None, false) => sender.send_lines(Source::open(args.file)?).await,
    };
    if std::io::stderr().is_terminal() {
        eprintln!("{}", summary(sender.producer.delivered(), &sender.topic));
    }
    sent
}

/// Somebody else may be quicker: that is as good.
async fn create_topic(session: &Session, name: &str) -> Result<(), Failure> {
    let topic = NewTopic { name: name.to_owned(), ..Default::default() };
    match session.client.create_topic(&topic, false).await {
        Err(error) if error.code() != Some(ErrorCode::TopicAlreadyExists) => return Err(error.into()),
        _ => {}
    }
    session.client.await_topic(name, 1).await?;
    Ok(())
}

fn format(args: &Args) -> Result<LineFormat, Failure> {
    match args.key_separator.as_deref().map(|text| text.replace("\\t", "\t")) {
        Some(separator) if separator.is_empty() => Err(Failure::usage("--key-separator is empty")),
        Some(separator) => Ok(LineFormat::KeyAndValue { separator: separator.into_bytes() }),
        None => Ok(LineFormat::Value),
    }
}

fn template(args: &Args) -> ToProduce {
    let header =
        |(name, value): &(String, String)| (Bytes::from(name.clone()), Some(Bytes::from(value.clone())));
    ToProduce {
        partition: args.partition.map(PartitionIndex),
        key: args.key.clone().map(Bytes::from),
        headers: args.header.iter().map(header).collect(),
        ..Default::default()
    }
}

struct Sender<'a> {
    session: &'a Session,
    producer: Producer,
    topic: String,
    template: ToProduce,
    format: LineFormat,
}

impl Sender<'_> {
    async fn send_one(&mut self, value: Option<Bytes>) -> Result<(), Failure> {
        let record = ToProduce { value, timestamp: now(), ..self.template.clone() };
        let sent = self.producer.send(&self.topic, &record).await;
        self.told(sent).await?;
        self.flush().await
    }

    /// Until the end of the input, or Ctrl-C. What was read by then is sent.
    async fn send_lines(&mut self, source: Source) -> Result<(), Failure> {
        let bar = progress::bar(source.size, if source.size.is_some() { Unit::Bytes } else { Unit::Records });
        // Somebody who types needs no counter, but a word about what is awaited.
        if source.is_typed {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
            eprintln!("one record a line; end with Ctrl-D");
        }
        let mut interrupt = Interrupt::listen();
        let mut chunks = source.read();
        let mut number = 0;
        let outcome = loop {
            let chunk = tokio::select! {
                chunk = self.next_chunk(&mut chunks) => chunk,
                () = interrupt.asked() => break Ok(()),
            };
            let chunk = match chunk {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ok(()),
                Err(failure) => break Err(failure),
            };
            bar.inc(if bar.length().is_some() { chunk.bytes } else { chunk.lines.len() as u64 });
            if let Err(failure) = self.send_chunk(chunk, &mut number).await {
                break Err(failure);
            }
        };
        let flushed = if matches!(outcome, Err(Failure::Client(_))) { Ok(()) } else { self.flush().await };
        bar.finish_and_clear();
        outcome.and(flushed)
    }

    /// The next lines; what was sent before is flushed while there are none.
    async fn next_chunk(
        &mut self,
        chunks: &mut mpsc::Receiver<Result<Chunk, Failure>>,
    ) -> Result<Option<Chunk>, Failure> {
        let next = match timeout(LINGER, chunks.recv()).await {
            Ok(next) => next,
            Err(_) => {
                self.flush().await?;
                chunks.recv().await
            }
        };
        next.transpose()
    }

    async fn send_chunk(&mut self, chunk: Chunk, number: &mut u64) -> Result<(), Failure> {
        let timestamp = now();
        for line in chunk.lines {
            *number += 1;
            let (key, value) = parse_line(line, &self.format).map_err(|what| {
                Failure::refused(format!("line {number}: {what}"), "what came before that line was sent")
            })?;
            let mut record = ToProduce { value: Some(value), timestamp, ..self.template.clone() };
            record.key = key.or(record.key);
            let sent = self.producer.send(&self.topic, &record).await;
            self.told(sent).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.producer.flush().await;
        self.told(flushed).await
    }

    async fn told(&self, result: Result<(), ClientError>) -> Result<(), Failure> {
        match result {
            Ok(()) => Ok(()),
            Err(error) => Err(self.session.about_topic(&self.topic, error).await),
        }
    }
}

/// What a person is told at the end.
fn summary(delivered: &Delivered, topic: &str) -> String {
    let mut text = format!("{} to {topic}", counted(delivered.records, "record"));
    if let [(place, (first, last))] = &delivered.offsets.iter().collect::<Vec<_>>()[..] {
        text += &match first == last {
            true => format!(", partition {} offset {first}", place.1),
            false => format!(", partition {} offsets {first} to {last}", place.1),
        };
    } else if delivered.offsets.len() > 1 {
        text += &format!(" in {} partitions", delivered.offsets.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use weir_model::Offset;

    use super::*;

    #[test]
    fn the_summary_names_offsets_where_there_is_one_partition() {
        let place = |index| ("t".to_owned(), PartitionIndex(index));
        let delivered = |records, offsets: &[(i32, i64, i64)]| Delivered {
            records,
            bytes: 0,
            offsets: offsets.iter().map(|(p, a, b)| (place(*p), (Offset(*a), Offset(*b)))).collect(),
        };
        let cases = [
            (delivered(0, &[]), "0 records to t"),
            (delivered(1, &[(2, 7, 7)]), "1 record to t, partition 2 offset 7"),
            (delivered(3, &[(0, 5, 7)]), "3 records to t, partition 0 offsets 5 to 7"),
            (delivered(3, &[(0, 5, 6), (1, 0, 0)]), "3 records to t in 2 partitions"),
        ];
        for (delivered, text) in cases {
            assert_eq!(summary(&delivered, "t"), text);
        }
    }
}
