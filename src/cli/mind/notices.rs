//! Public notices as the input of a build.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::super::complain;
use super::Failure;
use crate::mind::feed::notices::{Colour, Gathered, NoticesError};
use crate::mind::names::Person;

/// A kind of notices by its name.
pub(super) fn colour(text: &str) -> Result<Colour, String> {
    let all = [Colour::Red, Colour::Yellow, Colour::Un];
    let named = all.into_iter().find(|colour| colour.code().eq_ignore_ascii_case(text));
    named.ok_or_else(|| "red, yellow or un".to_owned())
}

/// The persons of all files; none if there is no file. Each faulty notice is told, up to a hundred, without its content.
pub(super) fn read(files: &[PathBuf], colour: Option<Colour>) -> Result<Option<Vec<Person>>, Failure> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut gathered = Gathered::default();
    for file in files {
        read_file(&mut gathered, file, colour).map_err(|error| {
            if let NoticesError::Notices { faults, .. } = &error {
                faults.iter().for_each(|fault| complain(format_args!("{}: {fault}", file.display())));
            }
            format!("{}: {error}", file.display())
        })?;
    }
    Ok(Some(gathered.into_persons()))
}

fn read_file(gathered: &mut Gathered, file: &Path, colour: Option<Colour>) -> Result<(), NoticesError> {
    match file.as_os_str() == "-" {
        true => gathered.read(std::io::stdin().lock(), colour),
        false => gathered.read(File::open(file)?, colour),
    }
}
