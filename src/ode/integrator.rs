//! An integrator: a method, and the field that it is bound to.

use std::rc::Rc;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};

use super::rhs::is_finite;
use super::{
    Change, Interrupt, JacobianProducts, Limits, LowRank, OdeError, Segment, Switching, Termination, Tolerance, VectorField,
    Work,
};

/// Carries a state forward in time, behind an [`Integrator`].
///
/// Successive calls are one integration of one field: they continue each other's step size and derivatives, and count against one
/// `max_steps`. The field is always the same; `theta` has its dimension and is finite, and t0 < t1 are finite.
pub(super) trait Advance {
    /// Advances `theta` from `t0` to exactly `t1`, or as far as it gets; `theta` is then the state at `Segment::t`.
    fn advance(&mut self, field: &dyn VectorField, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Segment;

    /// The same, but returns at the end of the first step at or after `pause`, if that is before `t1` and the method can.
    fn advance_or_pause(
        &mut self,
        field: &dyn VectorField,
        t0: f64,
        _pause: f64,
        t1: f64,
        theta: &mut DVector<f64>,
    ) -> Segment {
        self.advance(field, t0, t1, theta)
    }

    /// [`Integrator::dense_degree`].
    fn dense_degree(&self) -> Option<usize> {
        None
    }

    /// [`Integrator::last_step`].
    fn last_step(&self) -> Option<[f64; 2]> {
        None
    }

    /// [`Integrator::within_last_step`], for a time that is in the step.
    fn within_last_step(&mut self, _field: &dyn VectorField, _t: f64, _theta: &mut DVector<f64>) -> u64 {
        0
    }

    /// The methods that `auto` has taken up.
    fn changes(&self) -> &[Change] {
        &[]
    }

    /// Whether a horizon that ends at `t_end` would have led to the same choices so far.
    fn chooses_alike(&self, _t_end: f64) -> bool {
        true
    }

    /// [`Integrator::archive`], without the field's own state.
    fn archive(&mut self, field: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError>;
}

/// Carries a state along one field, forward in time.
///
/// An integrator is bound to its field, and keeps derivatives and step size from one segment to the next: another field needs another
/// integrator. The field may be given or lent: `&F`, `Box<F>` and `Rc<F>` are fields if F is one.
pub struct Integrator<'f> {
    field: Box<dyn VectorField + 'f>,
    method: Box<dyn Advance>,
    interrupt: Interrupt,
}

impl<'f> Integrator<'f> {
    /// `method` on `field`, unless the field or a limit is not valid.
    pub(super) fn bind(
        field: impl VectorField + 'f,
        limits: &Limits,
        method: impl FnOnce() -> Box<dyn Advance>,
    ) -> Result<Self, OdeError> {
        let dim = field.dim();
        if dim == 0 {
            return Err(OdeError::NoComponents);
        }
        if let Some(blocks) = field.low_rank().map(|field| field.layout().len()).filter(|&blocks| blocks != dim) {
            return Err(OdeError::LowRank { dim, blocks });
        }
        if limits.max_step.is_nan() || limits.max_step <= 0.0 {
            return Err(OdeError::MaxStep { max_step: limits.max_step });
        }
        if limits.t_end.is_nan() {
            return Err(OdeError::EndTime);
        }
        Ok(Self { field: Box::new(field), method: method(), interrupt: limits.interrupt.clone() })
    }

    /// Advances `theta` from `t0` to exactly `t1` ≥ `t0`, or as far as it gets: [`Segment::stop`] then says why. `theta` becomes the state
    /// at [`Segment::t`].
    ///
    /// Successive calls are one integration: they continue each other's step size and count against one `max_steps`. The state may be
    /// changed between them.
    ///
    /// # Errors
    /// If a time is not finite, `t1` comes before `t0`, or `theta` is not of the field's dimension. `theta` is then unchanged.
    pub fn advance(&mut self, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Result<Segment, OdeError> {
        self.advance_or_pause(t0, f64::INFINITY, t1, theta)
    }

    /// Advances towards `t1` as [`Integrator::advance`] does, but returns at the end of the first step at or after `pause`, if that is
    /// before `t1`: a look on the way that changes no step. `dopri5`, `dop853`, `rk4` and `gauss` go on to `t1`, since a pause would cut
    /// their steps.
    ///
    /// # Errors
    /// As for [`Integrator::advance`]. A `pause` may have any value: one after `t1` is none, and NaN counts as `t0`.
    pub fn advance_or_pause(&mut self, t0: f64, pause: f64, t1: f64, theta: &mut DVector<f64>) -> Result<Segment, OdeError> {
        if !(t0.is_finite() && t1.is_finite() && t0 <= t1) {
            return Err(OdeError::Times { t0, t1 });
        }
        let (found, wanted) = (theta.len(), self.field.dim());
        if found != wanted {
            return Err(OdeError::StateLength { found, wanted });
        }
        if t0 == t1 {
            return Ok(Segment { t: t0, work: Work::default(), stop: None });
        }
        if !is_finite(theta) {
            let stop = Some(Termination::Diverged { t: t0, norm: theta.norm() });
            return Ok(Segment { t: t0, work: Work::default(), stop });
        }
        let mut segment = self.method.advance_or_pause(&*self.field, t0, pause.max(t0), t1, theta);
        // An interrupted field may give up, and its values are then not finite. A pause stops no field.
        if let Some(Termination::Diverged { t, .. } | Termination::Stiff { t, .. }) = segment.stop
            && !self.interrupt.is_pause()
            && self.interrupt.is_raised()
        {
            segment.stop = Some(Termination::Interrupted { t });
        }
        Ok(segment)
    }

    /// The degree in t of the dense output inside the last step, a polynomial; `None` for a method without dense output. `auto` may change
    /// it with the method, when it tries the next step.
    pub fn dense_degree(&self) -> Option<usize> {
        self.method.dense_degree()
    }

    /// Start and end of the last step of a method with dense output; the end may lie after the state that was returned. `None` for a method
    /// without, and before the first step from a state that was changed.
    pub fn last_step(&self) -> Option<[f64; 2]> {
        self.method.last_step()
    }

    /// `theta` ← the state at time `t` in the last step. Returns the gradients that it took, which no segment counts: 0, except for the
    /// first call in a step of [`dp8`](super::dp8), which fills `theta` with NaN if the field is not finite there. `None`, with `theta`
    /// unchanged, if `t` is outside [`Integrator::last_step`] or `theta` has another length.
    pub fn within_last_step(&mut self, t: f64, theta: &mut DVector<f64>) -> Option<u64> {
        let held = theta.len() == self.field.dim() && self.last_step().is_some_and(|[from, to]| from <= t && t <= to);
        held.then(|| self.method.within_last_step(&*self.field, t, theta))
    }

    /// Whether `auto` would have made the same choices so far for a horizon that ends at `t_end`; other methods make none.
    pub(crate) fn chooses_alike(&self, t_end: f64) -> bool {
        self.method.chooses_alike(t_end)
    }

    /// The methods that `auto` has taken up, the first included; empty for any other integrator.
    pub fn changes(&self) -> &[Change] {
        self.method.changes()
    }

    /// Takes its state, or replaces it by that of an integrator of the same settings on the same field: the next segment is then the one that
    /// would have followed there, bit for bit. The field's own state, that of its [`Switching`], is part of it.
    ///
    /// # Errors
    /// [`ArchiveError`] if the state is that of another method, is damaged, or the field's surfaces do not save theirs.
    pub fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.same("field", self.field.dim() as u64)?;
        self.method.archive(&*self.field, archive)?;
        self.field.switching().map_or(Ok(()), |switching| switching.archive(archive))
    }
}

impl Tolerance {
    /// The tolerance, unless it is out of range.
    pub(super) fn check(self) -> Result<Self, OdeError> {
        let Self { rtol, atol } = self;
        let sound = rtol.is_finite() && atol.is_finite() && rtol >= 0.0 && atol > 0.0;
        if sound { Ok(self) } else { Err(OdeError::Tolerance { rtol, atol }) }
    }
}

/// A field behind a pointer.
macro_rules! fields {
    ($($pointer:ty),+) => {$(
        impl<F: VectorField + ?Sized> VectorField for $pointer {
            fn dim(&self) -> usize {
                (**self).dim()
            }
            fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
                (**self).eval(t, theta, dtheta);
            }
            fn jacobian(&self) -> Option<&dyn JacobianProducts> {
                (**self).jacobian()
            }
            fn decay(&self) -> f64 {
                (**self).decay()
            }
            fn low_rank(&self) -> Option<&dyn LowRank> {
                (**self).low_rank()
            }
            fn switching(&self) -> Option<&dyn Switching> {
                (**self).switching()
            }
            fn favours_high_order(&self) -> bool {
                (**self).favours_high_order()
            }
            fn evaluation_cost(&self) -> u64 {
                (**self).evaluation_cost()
            }
        }
    )+};
}

fields!(&F, Box<F>, Rc<F>);

#[cfg(test)]
mod tests;
