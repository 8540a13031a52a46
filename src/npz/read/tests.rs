use std::io::Write;
use std::path::PathBuf;

use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

/// An archive of members with these names and bytes.
fn archive(members: &[(&str, Vec<u8>)]) -> tempfile::TempPath {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let mut archive = ZipWriter::new(File::create(&path).unwrap());
    for (name, bytes) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
    path
}

/// An array as NumPy writes it.
fn array(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let literal = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((literal.len() as u16).to_le_bytes());
    bytes.extend(literal.bytes());
    bytes.extend(data);
    bytes
}

#[track_caller]
fn refusal(members: &[(&str, Vec<u8>)]) -> String {
    read(&archive(members)).unwrap_err().to_string()
}

#[test]
fn fortran_order_is_turned_to_c_order() {
    // [[0, 1, 2], [3, 4, 5]] stored column by column.
    assert_eq!(to_c_order(&[0.0, 3.0, 1.0, 4.0, 2.0, 5.0], &[2, 3]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn numbers_of_every_width_are_widened() {
    let members = [
        ("a.npy", array("<f4", "(2,)", &[1.5_f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat())),
        ("b.npy", array(">i8", "(1, 1)", &(-3_i64).to_be_bytes())),
        ("c.npy", array("|u1", "()", &[200])),
    ];
    let arrays = read(&archive(&members)).unwrap();
    assert!(arrays["a"].data[0] == 1.5 && arrays["a"].data[1].is_nan());
    assert_eq!((&arrays["b"].shape[..], &arrays["b"].data[..]), (&[1, 1][..], &[-3.0][..]));
    assert_eq!(arrays["c"].data, [200.0]);
}

/// NumPy stores dates as 64-bit integers, days since 1970: no numbers to train on.
#[test]
fn dates_and_times_are_no_numbers() {
    for descr in ["<M8[D]", "<m8[ns]", ">M8[s]"] {
        let message = refusal(&[("X.npy", array(descr, "(1,)", &[0; 8]))]);
        assert!(message.contains("`X`") && message.contains(descr) && message.contains("a date or a time"), "{message}");
    }
    assert!(refusal(&[("X.npy", array("<c16", "(1,)", &[0; 16]))]).contains("complex"));
    assert!(refusal(&[("X.npy", array("<U2", "(1,)", &[0; 8]))]).contains("text"));
    assert!(refusal(&[("X.npy", array("|b1", "(1,)", &[1]))]).contains("true or false"));
}

#[test]
fn integers_that_float64_would_round_are_refused() {
    let of = |value: i64| read(&archive(&[("X.npy", array("<i8", "(1,)", &value.to_le_bytes()))]));
    assert_eq!(of(1 << 53).unwrap()["X"].data, [9007199254740992.0]);
    for value in [(1 << 53) + 1, i64::MAX] {
        assert!(of(value).unwrap_err().to_string().contains(&format!("it holds {value}, which float64 would round")));
    }
}

/// Two members of one name: zip readers take the last, or the first.
#[test]
fn an_array_that_is_there_twice_is_refused() {
    let one = || array("<f8", "(1,)", &1f64.to_le_bytes());
    let path = archive(&[("X.npy", one()), ("Y.npy", one()), ("Z.npy", one())]);
    let mut bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() - 5 {
        if &bytes[at..at + 5] == b"Z.npy" {
            bytes[at] = b'Y';
        }
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(read(&path).unwrap_err().to_string().ends_with("holds two arrays `Y`: keep one of them"));
    // And where one of them lacks the ending.
    assert!(refusal(&[("X.npy", one()), ("X", one())]).ends_with("holds two arrays `X`: keep one of them"));
}

#[test]
fn a_shape_that_is_no_memory_or_not_in_the_archive_is_refused() {
    let message = refusal(&[("X.npy", array("<f8", "(4611686018427387904, 4)", &[0; 8]))]);
    assert!(message.contains("`X`") && message.contains("[4611686018427387904, 4]"), "{message}");
    let message = refusal(&[("X.npy", array("<f8", "(1000000000, 4)", &[0; 8]))]);
    assert!(message.contains("[1000000000, 4], and the archive holds fewer entries"), "{message}");
    let message = refusal(&[("X.npy", array("<f8", "(1,)", &[0; 16]))]);
    assert!(message.contains("more entries"), "{message}");
}

/// Zeros compress a thousandfold: what counts is what they take once they are read.
#[test]
fn an_array_that_does_not_fit_into_memory_is_refused() {
    let header = |shape: &str| Header::read(&*array("<f8", shape, &[])).unwrap();
    let path = PathBuf::from("d.npz");
    assert!(check_size(&path, "X", &header("(1000, 4)")).is_ok());
    if machine::free_memory().is_some() {
        let message = check_size(&path, "X", &header("(1000000000000, 4)")).unwrap_err().to_string();
        assert!(message.starts_with("d.npz: array `X` of shape [1000000000000, 4] takes 32.0 TB, and "), "{message}");
    }
}

#[test]
fn shapes_are_read_from_the_headers_alone() {
    let members = [("X.npy", array("<f8", "(2, 3)", &[0; 48])), ("Z.npy", array("<U2", "(1,)", &[0; 8]))];
    let shapes = shapes(&archive(&members), |name| name == "X").unwrap();
    assert_eq!(shapes, BTreeMap::from([("X".to_string(), vec![2, 3])]));
}

#[cfg(unix)]
#[test]
fn a_device_is_no_archive() {
    assert!(read("/dev/zero".as_ref()).unwrap_err().to_string().contains("it is a device: name a regular file"));
}
