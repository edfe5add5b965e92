//! How results are printed: a table for people, JSON or YAML for programs. Decides about colour: only on a terminal, and
//! not with NO_COLOR set. Writes to stdout and nothing else.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Row, Table, presets};
use serde::Serialize;

use super::failure::Failure;
use super::structured;

/// What `-o` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// For people, with everything there is to say
    Wide,
    /// For programs
    Json,
    /// For programs and people
    Yaml,
}

/// Prints results.
pub(super) struct Output {
    pub(super) format: Format,
    colour: bool,
}

/// A line of a table; `warn` is shown in colour.
pub(super) struct Line {
    pub(super) cells: Vec<String>,
    pub(super) warn: bool,
}

impl Line {
    pub(super) fn new(cells: impl IntoIterator<Item = String>) -> Self {
        Self { cells: cells.into_iter().collect(), warn: false }
    }

    pub(super) fn warn_if(self, warn: bool) -> Self {
        Self { warn, ..self }
    }
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { format, colour: std::io::stdout().is_terminal() && !no_colour }
    }

    pub(super) fn is_wide(&self) -> bool {
        self.format == Format::Wide
    }

    /// Prints a result: the text for people, the value for programs.
    pub(super) fn print(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let rendered = match self.format {
            Format::Table | Format::Wide => text(),
            Format::Json => structured::json(value)?,
            Format::Yaml => structured::yaml(value)?,
        };
        write(rendered.as_bytes())
    }

    /// A table of columns set apart by blanks, as text that ends in a line end. Columns without a heading in `headings`
    /// are left out of every line.
    pub(super) fn table(&self, headings: &[&str], lines: Vec<Line>) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(headings.iter().map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
        for line in lines {
            let cell = |text: String| {
                let cell = Cell::new(text);
                if line.warn { cell.fg(Color::Yellow) } else { cell }
            };
            table.add_row(Row::from(line.cells.into_iter().map(cell).collect::<Vec<_>>()));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        text.join("\n") + "\n"
    }
}

/// Writes to stdout.
pub(super) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Failure::writing)
}

/// `1 record`, `2 records`.
pub(super) fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_columns_without_trailing_blanks_or_escapes() {
        let output = Output { format: Format::Table, colour: false };
        let line = |a: &str, b: &str| Line::new([a.to_owned(), b.to_owned()]).warn_if(true);
        let text = output.table(&["NAME", "PARTITIONS"], vec![line("orders", "12"), line("a", "")]);
        assert_eq!(text, "NAME    PARTITIONS\norders  12\na\n");
    }

    #[test]
    fn counts_agree_with_their_nouns() {
        assert_eq!(
            [counted(0u8, "topic"), counted(1u8, "topic"), counted(2u8, "topic")],
            ["0 topics", "1 topic", "2 topics"]
        );
    }
}
