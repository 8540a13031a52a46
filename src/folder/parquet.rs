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
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::{ColumnKind, FileColumn};
use crate::record::{Table, TableColumn, Texts, Values};
use crate::spool::{SpoolItem, Spooled};

/// Rows that are read or written together.
const ROWS: usize = 8192;

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
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: ParquetError,
    },
    /// The file is not a table that [`write`] wrote.
    #[error("{} is not a table of records ({source}): it is damaged, or another program has written it", path.display())]
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
    write_table(file, table).map_err(|source| TableError::Write { path: path.into(), source })
}

fn write_table(file: impl Write + Send, table: &Table) -> Result<(), ParquetError> {
    let fields = table.columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("records").with_fields(fields).build()?);
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default()))?;
    let mut group = writer.next_row_group()?;
    for column in &table.columns {
        let Some(mut target) = group.next_column()? else { break };
        // Piece by piece: a column may be longer than memory.
        match &column.values {
            Values::Text(texts) => {
                let target = target.typed::<ByteArrayType>();
                pieces(texts).try_for_each(|piece| target.write_batch(&piece, None, None).map(drop))?;
            }
            Values::Integer(counts) => {
                let target = target.typed::<Int64Type>();
                counts.pieces().try_for_each(|piece| target.write_batch(&piece, None, None).map(drop))?;
            }
            Values::Flag(flags) => {
                let target = target.typed::<BoolType>();
                flags.pieces().try_for_each(|piece| target.write_batch(&piece, None, None).map(drop))?;
            }
            Values::Float(numbers) => write_numbers(&mut target, numbers)?,
        };
        target.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

/// Writes a nullable column of these numbers, NaN as null.
pub(super) fn write_numbers(target: &mut SerializedColumnWriter, numbers: &Spooled<f64>) -> Result<(), ParquetError> {
    let target = target.typed::<DoubleType>();
    numbers.pieces().try_for_each(|piece| {
        let defined: Vec<f64> = piece.iter().copied().filter(|x| !x.is_nan()).collect();
        let levels: Vec<i16> = piece.iter().map(|x| i16::from(!x.is_nan())).collect();
        target.write_batch(&defined, Some(&levels), None).map(drop)
    })
}

/// The texts of a column in pieces.
pub(super) fn pieces(texts: &Texts) -> impl Iterator<Item = Vec<ByteArray>> {
    let mut rest = texts.iter().map(ByteArray::from);
    std::iter::from_fn(move || Some(rest.by_ref().take(ROWS).collect::<Vec<_>>()).filter(|piece| !piece.is_empty()))
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
                let mut texts = Texts::default();
                whole::<ByteArrayType>(&groups, index, name, |bytes| {
                    texts.extend_by(1, bytes.as_utf8()?);
                    Ok(())
                })?;
                Values::Text(texts)
            }
            ColumnKind::Integer if nulls && has_nulls::<Int64Type>(&groups, index)? => {
                Values::Float(spread::<Int64Type>(&groups, index, |count| count as f64)?)
            }
            ColumnKind::Flag if nulls && has_nulls::<BoolType>(&groups, index)? => {
                Values::Float(spread::<BoolType>(&groups, index, |flag| f64::from(u8::from(flag)))?)
            }
            ColumnKind::Integer => Values::Integer(numbers::<Int64Type>(&groups, index, name)?),
            ColumnKind::Flag => Values::Flag(numbers::<BoolType>(&groups, index, name)?),
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
) -> Result<Spooled<f64>, ParquetError> {
    let mut numbers = Spooled::new();
    for group in groups {
        each_batch::<T>(&**group, index, |defined, levels| {
            let mut defined = defined.drain(..).map(&number);
            numbers.extend(levels.iter().map(|&level| if level == 1 { defined.next().unwrap_or(f64::NAN) } else { f64::NAN }));
            Ok(())
        })?;
    }
    Ok(numbers)
}

/// Whether a column is null anywhere.
fn has_nulls<T: DataType>(groups: &[Box<dyn RowGroupReader + '_>], index: usize) -> Result<bool, ParquetError> {
    for group in groups {
        let mut count = 0;
        each_batch::<T>(&**group, index, |defined, _| {
            count += defined.len();
            Ok(())
        })?;
        if count != group.metadata().num_rows() as usize {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The numbers of a column without nulls, in all row groups.
fn numbers<T: DataType>(
    groups: &[Box<dyn RowGroupReader + '_>],
    index: usize,
    name: &str,
) -> Result<Spooled<T::T>, ParquetError>
where
    T::T: SpoolItem,
{
    let mut values = Spooled::new();
    whole::<T>(groups, index, name, |value| {
        values.push(value);
        Ok(())
    })?;
    Ok(values)
}

/// Hands the values of a column without nulls, in all row groups, to `take`.
fn whole<T: DataType>(
    groups: &[Box<dyn RowGroupReader + '_>],
    index: usize,
    name: &str,
    mut take: impl FnMut(T::T) -> Result<(), ParquetError>,
) -> Result<(), ParquetError> {
    for group in groups {
        let mut count = 0;
        each_batch::<T>(&**group, index, |defined, _| {
            count += defined.len();
            defined.drain(..).try_for_each(&mut take)
        })?;
        if count != group.metadata().num_rows() as usize {
            return Err(ParquetError::General(format!("column `{name}` has nulls")));
        }
    }
    Ok(())
}

/// Reads one column piece by piece: of each, the values that are not null, and the definition level of each row (1 where there is a value).
fn each_batch<T: DataType>(
    group: &dyn RowGroupReader,
    index: usize,
    mut take: impl FnMut(&mut Vec<T::T>, &[i16]) -> Result<(), ParquetError>,
) -> Result<(), ParquetError> {
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(index)?);
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    loop {
        values.clear();
        levels.clear();
        if reader.read_records(ROWS, Some(&mut levels), None, &mut values)?.0 == 0 {
            return Ok(());
        }
        take(&mut values, &levels)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_survives_the_round_trip_bit_for_bit() {
        let column = |name: &str, values| TableColumn { name: name.into(), values };
        let table = Table {
            columns: vec![
                column("process", Values::Text(["flow", "flow", "gd-π"].into_iter().collect())),
                column("step", Values::Integer([0, 7, i64::MAX].into())),
                column("identifiable", Values::Flag([true, false, true].into())),
                column("loss", Values::Float([0.1, f64::NAN, 1e-300].into())),
                column("nothing", Values::Float([f64::NAN; 3].into())),
                column("everything", Values::Float([f64::INFINITY, -0.0, 3.0].into())),
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
