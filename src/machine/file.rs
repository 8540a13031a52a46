//! Opens files that a user names. Reading from a pipe may wait for ever and a device may never end, so both are refused.

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::Path;

/// Opens the regular file at `path` for reading, links followed.
///
/// # Errors
/// The system's error, or `InvalidInput` where `path` is a folder, a pipe, a device or a socket.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Checked before it is opened: opening a pipe waits for its writer.
    regular(fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// The text of the regular file at `path`, of at most `most` bytes.
///
/// # Errors
/// As for [`open`]; `FileTooLarge` where the file is longer; `InvalidData` where it is not UTF-8.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message = format!("it has more than {}", super::Bytes(most));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("it is not UTF-8 text from byte {} on", at + 1))
    })
}

fn regular(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let message = format!("it is {}: name a regular file", name(kind));
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        } else if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        } else if kind.is_socket() {
            return "a socket";
        }
    }
    if kind.is_dir() { "a folder" } else { "no file" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_devices_are_refused_by_name() {
        let message = |path: &str| open(path.as_ref()).unwrap_err().to_string();
        assert_eq!(message("/"), "it is a folder: name a regular file");
        #[cfg(unix)]
        assert_eq!(message("/dev/zero"), "it is a device: name a regular file");
    }

    #[test]
    fn a_text_is_read_up_to_its_bound() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        fs::write(&path, "äbc").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "äbc");
        assert_eq!(read_text(&path, 3).unwrap_err().to_string(), "it has more than 3 bytes");
        fs::write(&path, b"ab\xff").unwrap();
        assert_eq!(read_text(&path, 9).unwrap_err().to_string(), "it is not UTF-8 text from byte 3 on");
    }
}
