//! A table as one Parquet file, `records.parquet` or `study.parquet`: text, int64, boolean and nullable float64 columns, uncompressed.
//!
//! Written column by column without arrow; pandas, polars and DuckDB read it. NaN, which stands for "not defined", is null.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::{ColumnKind, FileColumn};
use crate::record::{Table, TableColumn, Values};

/// Why a table could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be created for writing, or opened for reading.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file cannot be written, or is not a table that [`write`] wrote.
    #[error("{} is not a table of records ({source})", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: ParquetError,
    },
}

/// Writes `table` to `path`, replacing what is there.
///
/// # Errors
/// [`TableError`] if the file cannot be written.
pub fn write(path: &Path, table: &Table) -> Result<(), TableError> {
    let file = File::create(path).map_err(|source| TableError::Open { path: path.into(), source })?;
    write_table(file, table).map_err(|source| TableError::Parquet { path: path.into(), source })
}

fn write_table(file: impl Write + Send, table: &Table) -> Result<(), ParquetError> {
    let fields = table.columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("records").with_fields(fields).build()?);
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default()))?;
    let mut group = writer.next_row_group()?;
    for column in &table.columns {
        let Some(mut target) = group.next_column()? else { break };
        match &column.values {
            Values::Text(texts) => {
                let bytes: Vec<ByteArray> = texts.iter().map(|text| ByteArray::from(text.as_str())).collect();
                target.typed::<ByteArrayType>().write_batch(&bytes, None, None)?
            }
            Values::Integer(counts) => target.typed::<Int64Type>().write_batch(counts, None, None)?,
            Values::Flag(flags) => target.typed::<BoolType>().write_batch(flags, None, None)?,
            Values::Float(numbers) => {
                let defined: Vec<f64> = numbers.iter().copied().filter(|x| !x.is_nan()).collect();
                let levels: Vec<i16> = numbers.iter().map(|x| i16::from(!x.is_nan())).collect();
                target.typed::<DoubleType>().write_batch(&defined, Some(&levels), None)?
            }
        };
        target.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

fn field(column: &TableColumn) -> Result<TypePtr, ParquetError> {
    let kind = column.values.kind();
    primitive(&column.name, kind, kind == ColumnKind::Float)
}

/// The type of a column in a file.
pub(super) fn primitive(name: &str, kind: ColumnKind, nullable: bool) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match kind {
        ColumnKind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnKind::Integer => (PhysicalType::INT64, None),
        ColumnKind::Flag => (PhysicalType::BOOLEAN, None),
        ColumnKind::Float => (PhysicalType::DOUBLE, None),
    };
    let repetition = if nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition).with_logical_type(logical);
    Ok(Arc::new(builder.build()?))
}

/// The columns of the table at `path`, without reading its values.
pub fn fields(path: &Path) -> Result<Vec<FileColumn>, TableError> {
    let file = File::open(path).map_err(|source| TableError::Open { path: path.into(), source })?;
    let read = || -> Result<Vec<FileColumn>, ParquetError> {
        let reader = SerializedFileReader::new(file)?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let field = |name: &str, physical| Ok(FileColumn { name: name.into(), kind: kind(name, physical)? });
        schema.columns().iter().map(|column| field(column.name(), column.physical_type())).collect()
    };
    read().map_err(|source| TableError::Parquet { path: path.into(), source })
}

/// The type of a column, if it is one that a table can have.
fn kind(name: &str, physical: PhysicalType) -> Result<ColumnKind, ParquetError> {
    match physical {
        PhysicalType::BYTE_ARRAY => Ok(ColumnKind::Text),
        PhysicalType::INT64 => Ok(ColumnKind::Integer),
        PhysicalType::BOOLEAN => Ok(ColumnKind::Flag),
        PhysicalType::DOUBLE => Ok(ColumnKind::Float),
        other => Err(ParquetError::General(format!("column `{name}` is of type {other}"))),
    }
}

/// Reads a table that [`write`] or [`write_long`](super::write_long) wrote, all row groups one after another.
///
/// # Errors
/// [`TableError`] if the file cannot be read, or if a text, count or flag is null, as in a long table of unlike pieces: those types have no
/// value for it.
pub fn read(path: &Path) -> Result<Table, TableError> {
    open(path, false)
}

/// The same for a long table of unlike pieces: a column of counts or flags with nulls is read as floats, NaN where it is null.
pub fn read_long(path: &Path) -> Result<Table, TableError> {
    open(path, true)
}

fn open(path: &Path, nulls: bool) -> Result<Table, TableError> {
    let file = File::open(path).map_err(|source| TableError::Open { path: path.into(), source })?;
    read_table(file, nulls).map_err(|source| TableError::Parquet { path: path.into(), source })
}

fn read_table(file: File, nulls: bool) -> Result<Table, ParquetError> {
    let reader = SerializedFileReader::new(file)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let groups = (0..reader.num_row_groups()).map(|index| reader.get_row_group(index)).collect::<Result<Vec<_>, _>>()?;
    let mut columns = Vec::new();
    for (index, descriptor) in schema.columns().iter().enumerate() {
        let name = descriptor.name();
        let values = match kind(name, descriptor.physical_type())? {
            ColumnKind::Text => {
                let bytes = whole::<ByteArrayType>(&groups, index, name)?;
                Values::Text(bytes.iter().map(|bytes| bytes.as_utf8().map(str::to_string)).collect::<Result<_, _>>()?)
            }
            ColumnKind::Integer if nulls && has_nulls::<Int64Type>(&groups, index)? => {
                Values::Float(spread::<Int64Type>(&groups, index, |count| count as f64)?)
            }
            ColumnKind::Flag if nulls && has_nulls::<BoolType>(&groups, index)? => {
                Values::Float(spread::<BoolType>(&groups, index, |flag| f64::from(u8::from(flag)))?)
            }
            ColumnKind::Integer => Values::Integer(whole::<Int64Type>(&groups, index, name)?),
            ColumnKind::Flag => Values::Flag(whole::<BoolType>(&groups, index, name)?),
            ColumnKind::Float => Values::Float(spread::<DoubleType>(&groups, index, |number| number)?),
        };
        columns.push(TableColumn { name: name.to_string(), values });
    }
    Ok(Table { columns })
}

/// The values of a column in all row groups, as floats; NaN where it is null.
fn spread<T: DataType>(
    groups: &[Box<dyn RowGroupReader + '_>],
    index: usize,
    number: impl Fn(T::T) -> f64,
) -> Result<Vec<f64>, ParquetError> {
    let mut numbers = Vec::new();
    for group in groups {
        let (defined, levels) = column::<T>(&**group, index)?;
        let mut defined = defined.into_iter().map(&number);
        numbers.extend(levels.iter().map(|&level| if level == 1 { defined.next().unwrap_or(f64::NAN) } else { f64::NAN }));
    }
    Ok(numbers)
}

/// Whether a column is null anywhere.
fn has_nulls<T: DataType>(groups: &[Box<dyn RowGroupReader + '_>], index: usize) -> Result<bool, ParquetError> {
    for group in groups {
        if column::<T>(&**group, index)?.0.len() != group.metadata().num_rows() as usize {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The values of a column without nulls, in all row groups.
fn whole<T: DataType>(groups: &[Box<dyn RowGroupReader + '_>], index: usize, name: &str) -> Result<Vec<T::T>, ParquetError> {
    let mut values = Vec::new();
    for group in groups {
        let (defined, _) = column::<T>(&**group, index)?;
        if defined.len() != group.metadata().num_rows() as usize {
            return Err(ParquetError::General(format!("column `{name}` has nulls")));
        }
        values.extend(defined);
    }
    Ok(values)
}

/// The values of one column that are not null, and the definition level of each row (1 where there is a value).
fn column<T: DataType>(group: &dyn RowGroupReader, index: usize) -> Result<(Vec<T::T>, Vec<i16>), ParquetError> {
    let rows = group.metadata().num_rows() as usize;
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(index)?);
    // Not with the capacity that the file claims, which may be anything.
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    while reader.read_records(rows, Some(&mut levels), None, &mut values)?.0 > 0 {}
    Ok((values, levels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_survives_the_round_trip_bit_for_bit() {
        let column = |name: &str, values| TableColumn { name: name.into(), values };
        let table = Table {
            columns: vec![
                column("process", Values::Text(vec!["flow".into(), "flow".into(), "gd-π".into()])),
                column("step", Values::Integer(vec![0, 7, i64::MAX])),
                column("identifiable", Values::Flag(vec![true, false, true])),
                column("loss", Values::Float(vec![0.1, f64::NAN, 1e-300])),
                column("nothing", Values::Float(vec![f64::NAN; 3])),
                column("everything", Values::Float(vec![f64::INFINITY, -0.0, 3.0])),
            ],
        };
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        write(&path, &table).unwrap();
        // NaN is not equal to itself; its text is.
        assert_eq!(format!("{:?}", read(&path).unwrap()), format!("{table:?}"));
    }

    #[test]
    fn what_is_no_table_is_an_error() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, "process,t\nflow,0\n").unwrap();
        assert!(matches!(read(&path), Err(TableError::Parquet { .. })));
    }
}
