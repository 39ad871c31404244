//! Opens the inputs of `auship convert`. Inputs that are compressed with gzip, zstd or xz are recognised by their first
//! bytes.

use flate2::bufread::MultiGzDecoder;
use liblzma::{
    bufread::XzDecoder,
    stream::{CONCATENATED, Stream},
};
use std::{
    cell::Cell,
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    path::Path,
    rc::Rc,
};

/// The most memory that xz data may ask for, in bytes. `xz -9` asks for 65 MiB.
const MAX_XZ_MEMORY: u64 = 128 << 20;
/// The largest window of zstd data, as a power of two. `zstd` itself accepts no larger one without being told to.
const MAX_ZSTD_WINDOW: u32 = 27;
/// Size of a read of compressed data, in bytes.
const BLOCK: usize = 64 << 10;

/// An input that is being read.
pub(super) struct Input {
    reader: Box<dyn Read>,
    compression: Option<Compression>,
    /// The number of bytes read from the file.
    position: Rc<Cell<u64>>,
    /// The size of the file. Standard input has none.
    size: Option<u64>,
}

/// How an input is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    Gzip,
    Zstd,
    Xz,
}

impl Compression {
    /// The first bytes of each kind of data.
    const MAGIC: [(&[u8], Self); 3] = [
        (&[0x1f, 0x8b], Self::Gzip),
        (&[0x28, 0xb5, 0x2f, 0xfd], Self::Zstd),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], Self::Xz),
    ];
    /// The most of them.
    const MOST: u64 = 6;

    fn of(start: &[u8]) -> Option<Self> {
        let skippable = matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
        let known = Self::MAGIC.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, kind)| *kind);
        known.or(skippable.then_some(Self::Zstd))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        }
    }

    /// Unpacks the data, all members or frames of it.
    fn unpack(self, packed: impl BufRead + 'static) -> io::Result<Box<dyn Read>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(packed)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW)?;
                Box::new(decoder)
            }
            Self::Xz => {
                let stream = Stream::new_stream_decoder(MAX_XZ_MEMORY, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(packed, stream))
            }
        })
    }
}

/// Counts the bytes that are read.
struct Counted<R> {
    from: R,
    position: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(to)?;
        self.position.set(self.position.get() + read as u64);
        Ok(read)
    }
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::new(io::stdin().lock(), None);
        }
        let file = File::open(path)?;
        let size = file.metadata().ok().filter(|about| about.is_file()).map(|about| about.len());
        Self::new(file, size)
    }

    fn new(from: impl Read + 'static, size: Option<u64>) -> io::Result<Self> {
        let position = Rc::new(Cell::new(0));
        let mut from = Counted { from, position: Rc::clone(&position) };
        let mut start = Vec::new();
        from.by_ref().take(Compression::MOST).read_to_end(&mut start)?;
        let compression = Compression::of(&start);
        let whole = Cursor::new(start).chain(from);
        let reader = match compression {
            None => Box::new(whole),
            Some(compression) => compression.unpack(BufReader::with_capacity(BLOCK, whole))?,
        };
        Ok(Self { reader, compression, position, size })
    }

    /// The number of bytes read from the file so far, and the size of the file if it has one.
    pub(super) fn position(&self) -> (u64, Option<u64>) {
        (self.position.get(), self.size)
    }
}

impl Read for Input {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(to);
        let Some(compression) = self.compression else { return read };
        read.map_err(|e| match e.kind() {
            io::ErrorKind::Interrupted => e,
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(e.kind(), format!("the {} data end too early", compression.name()))
            }
            _ => io::Error::new(e.kind(), format!("the {} data can't be unpacked: {e}", compression.name())),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;

    /// The text that an input gives, and the error that ends it.
    fn read(data: Vec<u8>) -> (Vec<u8>, String) {
        let mut input = Input::new(Cursor::new(data), None).unwrap();
        let mut text = Vec::new();
        let mut block = [0; 1000];
        loop {
            match input.read(&mut block) {
                Ok(0) => return (text, String::new()),
                Ok(n) => text.extend_from_slice(&block[..n]),
                Err(e) => return (text, e.to_string()),
            }
        }
    }

    fn packed(text: &[u8], compression: Compression) -> Vec<u8> {
        match compression {
            Compression::Gzip => {
                let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                to.write_all(text).unwrap();
                to.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(text, 3).unwrap(),
            Compression::Xz => {
                let mut to = liblzma::write::XzEncoder::new(Vec::new(), 6);
                to.write_all(text).unwrap();
                to.finish().unwrap()
            }
        }
    }

    /// Text that doesn't shrink much, so that a cut removes some of it and leaves some.
    fn text() -> Vec<u8> {
        let mut n = 7_u32;
        let digits = std::iter::repeat_with(|| {
            n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("{n:x}\n")
        });
        digits.take(50_000).collect::<String>().into_bytes()
    }

    #[test]
    fn members_after_one_another_are_one_text() {
        let text = text();
        for compression in Compression::MAGIC.map(|(_, compression)| compression) {
            let (first, second) = text.split_at(12_345);
            let data = [packed(first, compression), packed(b"", compression), packed(second, compression)].concat();
            assert_eq!(read(data), (text.clone(), String::new()), "{compression:?}");
        }
        assert_eq!(read(text.clone()), (text, String::new()));
    }

    #[test]
    fn a_skippable_frame_may_come_first() {
        let data = [b"\x50\x2a\x4d\x18\x03\0\0\0abc".as_slice(), &packed(b"text", Compression::Zstd)].concat();
        assert_eq!(read(data), (b"text".to_vec(), String::new()));
    }

    #[test]
    fn of_data_that_end_too_early_the_rest_is_read() {
        let text = text();
        for compression in Compression::MAGIC.map(|(_, compression)| compression) {
            let mut data = packed(&text, compression);
            data.truncate(data.len() - 100);
            let (start, said) = read(data);
            assert!(start.len() > 100_000 && text.starts_with(&start), "{compression:?} {}", start.len());
            assert_eq!(said, format!("the {} data end too early", compression.name()));
            let damaged = [packed(b"text", compression), b"no member".to_vec()].concat();
            let (start, said) = read(damaged);
            assert_eq!(start, b"text");
            assert!(said.starts_with(&format!("the {} data ", compression.name())), "{said}");
        }
    }

    #[test]
    fn short_inputs_are_read() {
        for text in [&b""[..], b"x", b"\x1f", b"\x28\xb5\x2f", b"\xfd7zXZ"] {
            assert_eq!(read(text.to_vec()), (text.to_vec(), String::new()));
        }
    }
}
