//! The right-hand side of the flow does not touch the heap after its first call.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gramflow::data::{Dataset, Moments};
use gramflow::flow::GradientFlow;
use gramflow::network::Architecture;
use gramflow::objective::{LinearObjective, Objective, Order};
use gramflow::ode::VectorField;
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use nalgebra::DVector;

/// The system's allocator, counting per thread: other tests run beside this one.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is being torn down has no counter any more, and nothing to count.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call is the system allocator's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(memory, layout, size) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1.0; 10]))) >= 1);
}

#[test]
fn the_right_hand_side_does_not_allocate_after_its_first_call() {
    let shapes: &[&[usize]] =
        &[&[5, 3], &[1, 1, 1], &[10, 10, 10, 10], &[64, 64, 64, 64, 64, 1], &[7, 4, 9, 3, 5], &[200, 200, 200, 200]];
    for widths in shapes {
        for order in [Order::FromInput, Order::FromOutput] {
            let architecture = Architecture::new(widths);
            let rng = &mut stream(0, Purpose::Inputs);
            let data = Dataset {
                x: gaussian_matrix(30, architecture.input_dim(), rng),
                y: gaussian_matrix(30, architecture.output_dim(), rng),
            };
            let theta = DVector::from_element(architecture.parameter_count(), 0.01);
            let objective = LinearObjective::with_order(architecture, Moments::new(&data).unwrap(), 1e-3, order);
            let field = GradientFlow::new(&objective);
            let mut out = theta.clone();
            field.eval(0.0, &theta, &mut out);
            objective.gradient(&theta, &mut out);
            let later = allocations(|| {
                for _ in 0..100 {
                    field.eval(0.0, &theta, &mut out);
                    objective.gradient(&theta, &mut out);
                }
            });
            assert_eq!(later, 0, "{widths:?} {order:?}");
        }
    }
}
