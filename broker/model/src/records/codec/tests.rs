use super::*;

const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * i / 97 % 61) as u8 + b'0').collect()
}

#[test]
fn every_codec_gives_back_what_it_was_given() {
    for codec in CODECS {
        for len in [0, 1, 100, 70_000, AT_ONCE_MAX, AT_ONCE_MAX + 1, 9_000_000] {
            let plain = text(len);
            let packed = compress(codec, &plain, None).unwrap();
            assert_eq!(decompress(codec, &packed, len).unwrap(), plain, "{codec:?} {len}");
        }
    }
}

#[test]
fn bombs_are_stopped_at_the_bound() {
    let plain = vec![0u8; 8 << 20];
    for codec in CODECS {
        let packed = compress(codec, &plain, None).unwrap();
        for bound in [0, 1 << 20, AT_ONCE_MAX, AT_ONCE_MAX + 1, plain.len() - 1] {
            let result = decompress(codec, &packed, bound);
            assert!(matches!(result, Err(CodecError::TooLarge { max }) if max == bound), "{codec:?} {bound}");
        }
        assert_eq!(decompress(codec, &packed, plain.len()).unwrap().len(), plain.len());
    }
}

#[test]
fn cut_payloads_are_refused() {
    let plain = text(200_000);
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let packed = compress(codec, &plain, None).unwrap();
        assert!(decompress(codec, &packed[..packed.len() / 2], 1 << 20).is_err(), "{codec:?}");
    }
}

#[test]
fn raw_snappy_is_read_as_well() {
    let plain = text(5_000);
    let raw = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
    assert_eq!(decompress(Codec::Snappy, &raw, 5_000).unwrap(), plain);
}

#[test]
fn a_snappy_block_that_lies_about_its_size_allocates_nothing() {
    let lie = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
    assert!(matches!(decompress(Codec::Snappy, &lie, usize::MAX), Err(CodecError::Malformed { .. })));
}

#[test]
fn concatenated_snappy_streams_are_one() {
    let mut packed = compress(Codec::Snappy, b"one ", None).unwrap();
    packed.extend(compress(Codec::Snappy, b"two", None).unwrap());
    assert_eq!(decompress(Codec::Snappy, &packed, 100).unwrap(), b"one two");
}

#[test]
fn names_and_bits_go_both_ways() {
    for codec in CODECS {
        assert_eq!(Codec::from_bits(codec.bits()), Some(codec));
        assert_eq!(Codec::from_name(codec.name()), Some(codec));
    }
    assert_eq!(Codec::from_bits(5), None);
    assert_eq!(Codec::from_name("brotli"), None);
}
