//! A table too long for memory, written piece by piece, one row group for each. Columns that a piece lacks are null there.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{BoolType, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::parquet::{pieces, primitive, write_numbers};
use super::{FolderError, TableError};
use crate::record::{Table, Values};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// [`Values::Text`].
    Text,
    /// [`Values::Integer`].
    Integer,
    /// [`Values::Flag`].
    Flag,
    /// [`Values::Float`].
    Float,
}

impl Values {
    /// The type of the values.
    pub fn kind(&self) -> ColumnKind {
        match self {
            Self::Text(_) => ColumnKind::Text,
            Self::Integer(_) => ColumnKind::Integer,
            Self::Flag(_) => ColumnKind::Flag,
            Self::Float(_) => ColumnKind::Float,
        }
    }
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnKind,
}

/// Writes to `path` the table of `pieces`, with these columns, all of them nullable. A piece is the rows of some tables, one after another;
/// only one piece is in memory at a time.
///
/// # Errors
/// Those of `pieces`, or [`FolderError`] if the file cannot be written or a column has two types.
pub fn write_long<E: From<FolderError>>(
    path: &Path,
    fields: &[FileColumn],
    pieces: impl Iterator<Item = Result<Vec<Table>, E>>,
) -> Result<(), E> {
    let failed = |source| FolderError::from(TableError::Write { path: path.to_path_buf(), source });
    let opened = File::create(path).map_err(|source| TableError::Open { path: path.to_path_buf(), source });
    let file = opened.map_err(FolderError::from)?;
    let mut writer = writer(&file, fields).map_err(failed)?;
    for piece in pieces {
        write_group(&mut writer, fields, &piece?).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    Ok(())
}

fn writer<'f>(file: &'f File, fields: &[FileColumn]) -> Result<SerializedFileWriter<&'f File>, ParquetError> {
    let columns = fields.iter().map(|field| primitive(&field.name, field.kind, true)).collect::<Result<_, _>>()?;
    let schema = Arc::new(Type::group_type_builder("records").with_fields(columns).build()?);
    SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default()))
}

fn write_group(writer: &mut SerializedFileWriter<&File>, fields: &[FileColumn], tables: &[Table]) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for field in fields {
        let Some(mut target) = group.next_column()? else { break };
        for table in tables {
            match table.column(&field.name) {
                None => write_nulls(&mut target, field.kind, table.rows())?,
                Some(values) if values.kind() == field.kind => write_values(&mut target, values)?,
                Some(_) => return Err(ParquetError::General(format!("column `{}` has two types", field.name))),
            }
        }
        target.close()?;
    }
    group.close()?;
    Ok(())
}

fn write_values(target: &mut SerializedColumnWriter, values: &Values) -> Result<(), ParquetError> {
    match values {
        Values::Text(texts) => {
            let target = target.typed::<ByteArrayType>();
            pieces(texts).try_for_each(|piece| write_all(target, &piece))
        }
        Values::Integer(counts) => {
            let target = target.typed::<Int64Type>();
            counts.pieces().try_for_each(|piece| write_all(target, &piece))
        }
        Values::Flag(flags) => {
            let target = target.typed::<BoolType>();
            flags.pieces().try_for_each(|piece| write_all(target, &piece))
        }
        Values::Float(numbers) => write_numbers(target, numbers),
    }
}

fn write_all<T: DataType>(target: &mut ColumnWriterImpl<'_, T>, values: &[T::T]) -> Result<(), ParquetError> {
    target.write_batch(values, Some(&vec![1; values.len()]), None).map(drop)
}

fn write_nulls(target: &mut SerializedColumnWriter, kind: ColumnKind, rows: usize) -> Result<(), ParquetError> {
    let levels = Some(&vec![0; rows][..]);
    match kind {
        ColumnKind::Text => target.typed::<ByteArrayType>().write_batch(&[], levels, None),
        ColumnKind::Integer => target.typed::<Int64Type>().write_batch(&[], levels, None),
        ColumnKind::Flag => target.typed::<BoolType>().write_batch(&[], levels, None),
        ColumnKind::Float => target.typed::<DoubleType>().write_batch(&[], levels, None),
    }
    .map(drop)
}
