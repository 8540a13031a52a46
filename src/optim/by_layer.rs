//! Layers with rates κ_l and decays λ_l of their own: one rule per layer, at the learning rate κ_l·η, like PyTorch's parameter groups. A
//! layer with κ_l = 0 is not touched. Parameters that belong to no layer have κ = 1 and λ = 0.

use crate::network::{Architecture, LayerRates, WeightDecay};

use super::parts::{Part, Parts};
use super::{Layout, Optimizer, Rule};

impl Optimizer {
    /// The update rule for the network `net`: one for all of θ, or one per layer where layers differ.
    pub fn rule_of(&self, net: &Architecture, decay: &WeightDecay, rates: &LayerRates) -> Box<dyn Rule> {
        if let Some(lambda) = decay.uniform().filter(|_| rates.are_one()) {
            return self.rule(&Layout::new(net, lambda));
        }
        let layer = |l| {
            let layout = Layout::layer(net, l, decay.layer(l), rates.layer(l));
            let rule = (!rates.freeze(l)).then(|| self.rule(&layout));
            Part { length: layout.dim(), factor: rates.layer(l), rule }
        };
        let rest = Layout::vector(net.rest_range().len(), 0.0);
        let rest = (rest.dim() > 0).then(|| Part { length: rest.dim(), factor: 1.0, rule: Some(self.rule(&rest)) });
        Box::new(Parts((1..=net.depth()).map(layer).chain(rest).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Archive;
    use crate::network::Activation;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    fn net() -> Architecture {
        Architecture::with_layers(&[3, 4, 2], &[Activation::Tanh, Activation::Identity], &[true, true])
    }

    /// Rates and decays of layers are none of what belongs to no layer.
    #[test]
    fn the_rest_steps_as_if_it_were_alone() {
        let (net, lr) = (net().with_rest(3), 0.1);
        let dim = net.parameter_count();
        for optimizer in every_kind() {
            let mut rule = optimizer.rule_of(&net, &vec![0.3, 0.1].into(), &vec![2.0, 0.0].into());
            let mut alone = optimizer.rule(&Layout::vector(3, 0.0));
            let (mut theta, mut rest) = (vec![1.0; dim], vec![1.0; 3]);
            for _ in 0..5 {
                rule.step(lr, &vec![0.5; dim], &mut theta);
                alone.step(lr, &[0.5; 3], &mut rest);
            }
            assert_eq!(theta[net.rest_range()], rest, "{}", optimizer.kind());
        }
    }

    /// θ after some steps along gradients that do not depend on it.
    fn stepped(mut rule: Box<dyn Rule>, lr: f64) -> Vec<f64> {
        let rng = &mut stream(3, Purpose::Inputs);
        let dim = net().parameter_count();
        let mut theta = gaussian_matrix(dim, 1, rng).as_slice().to_vec();
        for _ in 0..5 {
            rule.step(lr, gaussian_matrix(dim, 1, rng).as_slice(), &mut theta);
        }
        theta
    }

    fn every_kind() -> Vec<Optimizer> {
        let biases = Some(Box::new(Optimizer::Adam(crate::optim::Adam::new(0.1))));
        let mut kinds = Optimizer::every_kind(0.1);
        kinds.iter_mut().for_each(|kind| {
            if let Optimizer::Muon(muon) = kind {
                muon.biases = biases.clone();
            }
        });
        kinds
    }

    /// A layer at κ_l, λ_l ends where it does alone at the rate κ_l·η under λ_l; a frozen one stays to the bit.
    #[test]
    fn every_layer_steps_as_if_it_were_alone() {
        let (net, lr) = (net(), 0.1);
        for optimizer in every_kind() {
            let rule = optimizer.rule_of(&net, &vec![0.3, 0.1].into(), &vec![2.0, 0.0].into());
            let (theta, start) = (stepped(rule, lr), stepped(optimizer.rule(&Layout::new(&net, 0.0)), 0.0));
            let alone = optimizer.rule_of(&net, &0.3.into(), &vec![2.0, 2.0].into());
            let (first, second) = (net.layer_range(1), net.layer_range(2));
            assert_eq!(theta[first.clone()], stepped(alone, lr)[first], "{}", optimizer.kind());
            if !matches!(optimizer, Optimizer::Muon(_)) {
                assert_eq!(theta[second.clone()], start[second], "{}", optimizer.kind());
            }
        }
    }

    /// A new rule that takes up what another remembers steps as that one does, for every kind with everything that it can remember.
    #[test]
    fn a_rule_goes_on_bit_for_bit() {
        let mut kinds = every_kind();
        kinds.extend([
            crate::optim::Sgd { momentum: 0.9, dampening: 0.1, ..crate::optim::Sgd::new(0.1) }.into(),
            crate::optim::Adam { amsgrad: true, ..crate::optim::Adam::new(0.1) }.into(),
            crate::optim::Rmsprop { momentum: 0.9, centered: true, ..crate::optim::Rmsprop::new(0.1) }.into(),
        ]);
        let (net, rng) = (net(), &mut stream(4, Purpose::Inputs));
        let gradients: Vec<_> = (0..6).map(|_| gaussian_matrix(net.parameter_count(), 1, rng)).collect();
        for kind in kinds {
            let make = || kind.rule_of(&net, &vec![0.3, 0.1].into(), &vec![2.0, 0.5].into());
            let (mut rule, mut theta) = (make(), vec![0.5; net.parameter_count()]);
            gradients[..3].iter().for_each(|gradient| rule.step(0.1, gradient.as_slice(), &mut theta));
            let (mut written, mut other, mut there) = (Archive::written(), make(), theta.clone());
            rule.archive(&mut written).unwrap();
            other.archive(&mut Archive::read(written.into_bytes())).unwrap();
            for gradient in &gradients[3..] {
                rule.step(0.1, gradient.as_slice(), &mut theta);
                other.step(0.1, gradient.as_slice(), &mut there);
            }
            assert_eq!(theta, there, "{}", kind.kind());
        }
    }

    /// One rate κ for all layers is the learning rate κ·η, and equal decays one decay.
    #[test]
    fn equal_rates_multiply_the_learning_rate() {
        let net = net();
        for optimizer in every_kind().into_iter().filter(|kind| !matches!(kind, Optimizer::Muon(_))) {
            let by_layer = optimizer.rule_of(&net, &0.2.into(), &vec![0.5, 0.5].into());
            let plain = optimizer.rule_of(&net, &0.2.into(), &LayerRates::default());
            assert_eq!(stepped(by_layer, 0.1), stepped(plain, 0.05), "{}", optimizer.kind());
        }
    }
}
