//! Against torch's autodiff: `tests/references/networks.py` made the cases and says how.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::*;
use crate::npz::{self, Array, Arrays};

#[derive(Deserialize)]
struct Case {
    widths: Vec<usize>,
    activations: Vec<Activation>,
    bias: Vec<bool>,
    loss: String,
}

fn read<T>(name: &str, read: impl Fn(&Path) -> T) -> T {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/references").join(name))
}

/// The arrays under `prefix`, without it and without those that are deeper.
fn under(arrays: &Arrays, prefix: &str) -> Arrays {
    let inside = |(key, array): (&String, &Array)| Some((key.strip_prefix(prefix)?.to_string(), array.clone()));
    arrays.iter().filter_map(inside).filter(|(key, _)| !key.contains('/')).collect()
}

fn off(ours: &DVector<f64>, theirs: &DVector<f64>) -> f64 {
    (ours - theirs).norm() / theirs.norm()
}

fn matrix(array: &Array) -> DMatrix<f64> {
    DMatrix::from_row_slice(array.shape[0], array.shape[1], &array.data)
}

/// Within 1e-15 to 4e-15 as measured.
#[test]
fn derivatives_are_those_of_torch() {
    let arrays = read("networks.npz", |path| npz::read(path).unwrap());
    let cases: BTreeMap<String, Case> =
        read("networks.json", |path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap());
    assert!(cases.len() >= 20);
    let mut worst: f64 = 0.0;
    for (name, case) in &cases {
        let net = Architecture::with_layers(&case.widths, &case.activations, &case.bias);
        let mut own = under(&arrays, &format!("{name}/"));
        let loss = match case.loss.as_str() {
            "mean_squared" => Loss::Mse,
            "logistic" => Loss::Logistic,
            "cross_entropy" => Loss::CrossEntropy,
            other => panic!("{other}"),
        };
        let [x, y] = ["X", "Y"].map(|key| matrix(&own.remove(key).unwrap()));
        loss.check(&y).unwrap();
        let value = own.remove("loss").unwrap().data[0];
        let jacobians: Vec<Array> = (1..=net.depth()).map(|l| own.remove(&format!("jacobian{l}")).unwrap()).collect();
        let parameters = |arrays: Arrays| Parameters::from_arrays(&net, &arrays).unwrap().values().clone();
        let theta = parameters(own);
        let [v, their_gradient, their_hv] =
            ["v", "gradient", "hv"].map(|group| parameters(under(&arrays, &format!("{name}/{group}/"))));
        let data = Arc::new(Dataset { x, y });
        for objective in [MlpObjective::new(net.clone(), data.clone(), loss, 0.0), in_lanes(&net, &data, loss, 0.0)] {
            let mut errors = vec![
                (objective.loss(&theta) / value - 1.0).abs(),
                off(&gradient(&objective, &theta), &their_gradient),
                off(&product(&objective, &theta, &v), &their_hv),
            ];
            for (ours, theirs) in objective.jacobians(&theta).iter().zip(&jacobians) {
                let d = theirs.shape[2];
                let rows = DMatrix::from_row_slice(theirs.data.len() / d, d, &theirs.data);
                let gram = rows.transpose() * &rows / theirs.shape[0] as f64;
                let factor = ours.factor();
                errors.push((factor.transpose() * factor - &gram).norm() / gram.norm());
            }
            let largest = errors.iter().copied().fold(0.0, f64::max);
            assert!(errors.iter().all(|error| *error < 1e-12), "{name}: {errors:?}");
            worst = worst.max(largest);
        }
    }
    println!("worst: {worst:e}");
}
