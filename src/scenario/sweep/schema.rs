//! The block `sweep` in the schema of a scenario. It is read key by key, and not into a type.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::range::Range;
use super::{KeptFile, MAX_UNITS};

pub(in crate::scenario) fn schema(generator: &mut SchemaGenerator) -> Schema {
    let list = json_schema!({"type": "array", "minItems": 1});
    let values = json_schema!({"anyOf": [list, generator.subschema_for::<Range>()]});
    let kept = generator.subschema_for::<KeptFile>();
    let keys = |about: &str| json_schema!({"type": "object", "minProperties": 1, "additionalProperties": values, "description": about});
    json_schema!({
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "properties": {
            "grid": keys(
                "Keys with a list of values each, or a range: all combinations are run. A key is written by its path, as in `flow.rtol` or \
                 `optimizers[0].gd.lr`.",
            ),
            "zip": keys("Keys that vary together, entry by entry: all have the same number of values."),
            "seeds": {
                "anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_UNITS}, list],
                "description": "How many seeds every combination is run with: the scenario's own and the ones after it; or a list of seeds.",
            },
            "keep": {
                "type": "array",
                "items": kept,
                "uniqueItems": true,
                "default": ["records"],
                "description": "What units keep besides their records, which they always keep. `gramflow sweep merge` puts each of these together, in \
                 one file.",
            },
        },
    })
}
