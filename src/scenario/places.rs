//! Where keys belong, for messages about keys in the wrong place. A test keeps the list complete.

/// Every key whose name alone identifies it, by its path; `[]` stands for an index.
const KEYS: &[&str] = &[
    "name",
    "description",
    "seed",
    "data",
    "data.synthetic",
    "data.synthetic.inputs",
    "data.synthetic.inputs.dim",
    "data.synthetic.inputs.samples",
    "data.synthetic.inputs.distribution",
    "data.synthetic.inputs.distribution.student_t",
    "data.synthetic.inputs.distribution.student_t.dof",
    "data.synthetic.inputs.distribution.mixture",
    "data.synthetic.inputs.distribution.mixture.separation",
    "data.synthetic.inputs.condition",
    "data.synthetic.target",
    "data.synthetic.target.low_rank",
    "data.synthetic.target.low_rank.outputs",
    "data.synthetic.target.single_index",
    "data.synthetic.target.multi_index",
    "data.synthetic.target.teacher",
    "data.synthetic.target.teacher.activation",
    "data.synthetic.target.parity",
    "data.synthetic.target.counterexample",
    "data.synthetic.noise",
    "data.synthetic.test",
    "data.file",
    "data.sensing",
    "data.moments",
    "network",
    "network.widths",
    "network.activations",
    "network.bias",
    "init",
    "init.balanced",
    "init.balanced.scale",
    "init.balanced.imbalance",
    "init.gaussian",
    "init.gaussian.std",
    "init.lambda_balanced",
    "init.lambda_balanced.lambda",
    "init.lambda_balanced.scale",
    "init.layers",
    "init.orthogonal",
    "init.orthogonal.gain",
    "loss",
    "weight_decay",
    "layer_rates",
    "flow",
    "flow.t_end",
    "flow.integrator",
    "flow.integrator.rk4",
    "flow.integrator.gauss",
    "flow.integrator.gauss.stages",
    "flow.rtol",
    "flow.atol",
    "flow.preserve",
    "flow.certify",
    "flow.max_steps",
    "flow.kink",
    "record",
    "record.log",
    "record.log.first",
    "record.linear",
    "record.times",
    "record.weights",
    "observe",
    "optimizers",
    "optimizers[].gd",
    "optimizers[].sgd",
    "optimizers[].sgd.batch",
    "optimizers[].sgd.replacement",
    "optimizers[].sgd.dampening",
    "optimizers[].sgd.nesterov",
    "optimizers[].sgd.temperature",
    "optimizers[].sgd.label_noise",
    "optimizers[].adam",
    "optimizers[].adamw",
    "optimizers[].rmsprop",
    "optimizers[].rmsprop.alpha",
    "optimizers[].rmsprop.centered",
    "optimizers[].sign",
    "optimizers[].muon",
    "optimizers[].muon.ns_coefficients",
    "optimizers[].muon.ns_steps",
    "optimizers[].muon.adjust_lr_fn",
    "optimizers[].muon.biases",
    "stop",
    "stop.grad_norm",
    "stop.accuracy",
    "measure",
    "measure[].sde",
    "measure[].sde.paths",
    "measure[].sde.order",
    "measure[].hessian",
    "measure[].hessian.top",
    "measure[].hessian.all",
    "measure[].hessian.density",
    "measure[].hessian.density.probes",
    "measure[].hessian.density.resolution",
    "claims",
    "style",
    "style.width",
    "style.font_size",
    "style.font",
    "style.format",
    "style.dpi",
    "style.title",
    "style.notes",
    "style.theme",
    "style.legend",
    "style.colors",
    "style.axes",
    "sweep",
    "sweep.grid",
    "sweep.zip",
    "sweep.seeds",
    "pictures",
];

/// Keys that occur in many places, so that no one place can be meant.
#[cfg(test)]
const EVERYWHERE: &[&str] = &[
    "amsgrad",
    "balance",
    "betas",
    "color",
    "cosine",
    "curve",
    "end_factor",
    "eps",
    "eta_min",
    "file",
    "gamma",
    "hermite",
    "k",
    "label",
    "limits",
    "link",
    "lr",
    "momentum",
    "panel",
    "path",
    "picture",
    "points",
    "rank",
    "scale",
    "schedule",
    "singular_values",
    "start_factor",
    "step",
    "step_size",
    "steps",
    "t_max",
    "total_iters",
    "warmup",
    "whiten",
    "x",
    "y",
];

/// Where `key` belongs, in words, if that is a single place: `at the top level`, `under flow`.
pub(super) fn of(key: &str) -> Option<String> {
    let last = |path: &&&str| path.rsplit('.').next() == Some(key);
    let place = KEYS.iter().find(last)?;
    Some(match place.rsplit_once('.') {
        None => "at the top level".to_string(),
        Some((parent, _)) => format!("under {parent}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `optimizers[2].gd` as `optimizers[].gd`.
    fn pattern(path: &str) -> String {
        path.chars().filter(|c| !c.is_ascii_digit()).collect()
    }

    #[test]
    fn every_key_is_listed_once_or_stands_everywhere() {
        let written: Vec<String> = crate::scenario::tests::key_paths();
        for path in &written {
            let key = path.rsplit('.').next().unwrap();
            let listed = KEYS.iter().any(|known| pattern(known) == pattern(path));
            let named = KEYS.iter().any(|known| known.rsplit('.').next() == Some(key));
            assert!(listed || named || EVERYWHERE.contains(&key), "list {path} in KEYS, or `{key}` in EVERYWHERE");
        }
        for known in KEYS.iter().filter(|known| !known.starts_with("sweep") && **known != "pictures") {
            assert!(written.iter().any(|path| pattern(path) == pattern(known)), "no text holds {known}");
        }
    }

    #[test]
    fn a_place_is_told_in_words() {
        assert_eq!(of("weight_decay").unwrap(), "at the top level");
        assert_eq!(of("batch").unwrap(), "under optimizers[].sgd");
        assert_eq!(of("points"), None);
    }
}
