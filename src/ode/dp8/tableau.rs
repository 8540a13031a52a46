//! The coefficients of the method and of its interpolant.

/// c_2, …, c_12.
pub(super) const C: [f64; 11] = [
    0.05260015195876773,
    0.0789002279381516,
    0.1183503419072274,
    0.2816496580927726,
    1.0 / 3.0,
    0.25,
    4.0 / 13.0,
    127.0 / 195.0,
    0.6,
    6.0 / 7.0,
    1.0,
];
pub(super) const A2: [f64; 1] = [0.05260015195876773];
pub(super) const A3: [f64; 2] = [0.0197250569845379, 0.0591751709536137];
/// Over k_1 and k_3.
pub(super) const A4: [f64; 2] = [0.02958758547680685, 0.08876275643042054];
/// Over k_1, k_3, k_4.
pub(super) const A5: [f64; 3] = [0.2413651341592667, -0.8845494793282861, 0.924834003261792];
/// From here on over k_1, k_4, k_5, ….
pub(super) const A6: [f64; 3] = [1.0 / 27.0, 0.17082860872947386, 0.12546768756682242];
pub(super) const A7: [f64; 4] = [0.037109375, 0.17025221101954405, 0.06021653898045596, -0.017578125];
pub(super) const A8: [f64; 5] =
    [0.03709200011850479, 0.17038392571223998, 0.10726203044637328, -0.015319437748624402, 0.008273789163814023];
pub(super) const A9: [f64; 6] =
    [0.6241109587160757, -3.3608926294469414, -0.868219346841726, 27.59209969944671, 20.154067550477894, -43.48988418106996];
pub(super) const A10: [f64; 7] = [
    0.47766253643826434,
    -2.4881146199716677,
    -0.590290826836843,
    21.230051448181193,
    15.279233632882423,
    -33.28821096898486,
    -0.020331201708508627,
];
pub(super) const A11: [f64; 8] = [
    -0.9371424300859873,
    5.186372428844064,
    1.0914373489967295,
    -8.149787010746927,
    -18.52006565999696,
    22.739487099350505,
    2.4936055526796523,
    -3.0467644718982196,
];
pub(super) const A12: [f64; 9] = [
    2.273310147516538,
    -10.53449546673725,
    -2.0008720582248625,
    -17.9589318631188,
    27.94888452941996,
    -2.8589982771350235,
    -8.87285693353063,
    12.360567175794303,
    0.6433927460157636,
];
/// Over k_1, k_6, …, k_12: the weights of order 8.
pub(super) const B: [f64; 8] = [
    0.054293734116568765,
    4.450312892752409,
    1.8915178993145003,
    -5.801203960010585,
    0.3111643669578199,
    -0.1521609496625161,
    0.20136540080403034,
    0.04471061572777259,
];
/// The same minus those of order 3, of which only those of k_1, k_9 and k_12 are not 0.
pub(super) const E3: [f64; 8] =
    [B[0] - 31.0 / 127.0, B[1], B[2], B[3], B[4] - (1.0 - 31.0 / 127.0 - 3.0 / 136.0), B[5], B[6], B[7] - 3.0 / 136.0];
/// Those of order 8 minus those of order 5.
pub(super) const E5: [f64; 8] = [
    0.01312004499419488,
    -1.2251564463762044,
    -0.4957589496572502,
    1.6643771824549864,
    -0.35032884874997366,
    0.3341791187130175,
    0.08192320648511571,
    -0.022355307863886294,
];
/// c_14, c_15, c_16.
pub(super) const C_DENSE: [f64; 3] = [0.1, 0.2, 7.0 / 9.0];
/// Over k_1, k_7, …, k_13.
pub(super) const A14: [f64; 8] = [
    0.056167502283047954,
    0.25350021021662483,
    -0.2462390374708025,
    -0.12419142326381637,
    0.15329179827876568,
    0.00820105229563469,
    0.007567897660545699,
    -0.008298,
];
/// Over k_1, k_6, k_7, k_8, k_11, k_12, k_13, k_14.
pub(super) const A15: [f64; 8] = [
    0.03183464816350214,
    0.028300909672366776,
    0.053541988307438566,
    -0.05492374857139099,
    -0.00010834732869724932,
    0.0003825710908356584,
    -0.00034046500868740456,
    0.1413124436746325,
];
/// Over k_1, k_6, k_7, k_8, k_9, k_13, k_14, k_15.
pub(super) const A16: [f64; 8] = [
    -0.42889630158379194,
    -4.697621415361164,
    7.683421196062599,
    4.06898981839711,
    0.3567271874552811,
    -0.0013990241651590145,
    2.9475147891527724,
    -9.15095847217987,
];
/// Over k_1, k_6, …, k_16.
const D: [[f64; 12]; 4] = [
    [
        -8.428938276109013,
        0.5667149535193777,
        -3.0689499459498917,
        2.38466765651207,
        2.117034582445028,
        -0.871391583777973,
        2.2404374302607883,
        0.6315787787694688,
        -0.08899033645133331,
        18.148505520854727,
        -9.194632392478356,
        -4.436036387594894,
    ],
    [
        10.427508642579134,
        242.28349177525817,
        165.20045171727028,
        -374.5467547226902,
        -22.113666853125306,
        7.733432668472264,
        -30.674084731089398,
        -9.332130526430229,
        15.697238121770845,
        -31.139403219565178,
        -9.35292435884448,
        35.81684148639408,
    ],
    [
        19.985053242002433,
        -387.0373087493518,
        -189.17813819516758,
        527.8081592054236,
        -11.57390253995963,
        6.8812326946963,
        -1.0006050966910838,
        0.7777137798053443,
        -2.778205752353508,
        -60.19669523126412,
        84.32040550667716,
        11.99229113618279,
    ],
    [
        -25.69393346270375,
        -154.18974869023643,
        -231.5293791760455,
        357.6391179106141,
        93.40532418362432,
        -37.45832313645163,
        104.0996495089623,
        29.8402934266605,
        -43.53345659001114,
        96.32455395918828,
        -39.17726167561544,
        -149.72683625798564,
    ],
];

/// b_1(σ), b_6(σ), …, b_16(σ) of θ(t + σh) ≈ θ + h Σ b_i(σ) k_i.
pub(super) fn interpolant(x: f64) -> [f64; 12] {
    let y = 1.0 - x;
    std::array::from_fn(|i| {
        let b = B.get(i).copied().unwrap_or(0.0);
        // Hermite's cubic through the values and the slopes at both ends, plus what the other stages add.
        let (first, last) = (f64::from(i == 0), f64::from(i == 8));
        let beyond = D[0][i] + x * (D[1][i] + y * (D[2][i] + x * D[3][i]));
        x * (b + y * (first - b + x * (2.0 * b - first - last + y * beyond)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::STABLE;
    use super::*;

    /// The rows of all sixteen stages; the thirteenth is that of the weights.
    fn rows() -> [Vec<f64>; 16] {
        let at = |columns: &[usize], weights: &[f64]| {
            assert_eq!(columns.len(), weights.len());
            let mut row = vec![0.0; 16];
            columns.iter().zip(weights).for_each(|(column, weight)| row[column - 1] = *weight);
            row
        };
        let later = [1, 4, 5, 6, 7, 8, 9, 10, 11];
        [
            at(&[], &[]),
            at(&[1], &A2),
            at(&[1, 2], &A3),
            at(&[1, 3], &A4),
            at(&[1, 3, 4], &A5),
            at(&later[..3], &A6),
            at(&later[..4], &A7),
            at(&later[..5], &A8),
            at(&later[..6], &A9),
            at(&later[..7], &A10),
            at(&later[..8], &A11),
            at(&later, &A12),
            at(&[1, 6, 7, 8, 9, 10, 11, 12], &B),
            at(&[1, 7, 8, 9, 10, 11, 12, 13], &A14),
            at(&[1, 6, 7, 8, 11, 12, 13, 14], &A15),
            at(&[1, 6, 7, 8, 9, 13, 14, 15], &A16),
        ]
    }

    fn times() -> Vec<f64> {
        [0.0].into_iter().chain(C).chain([1.0]).chain(C_DENSE).collect()
    }

    fn dense(sigma: f64) -> Vec<f64> {
        let weights = interpolant(sigma);
        [&weights[..1], &[0.0; 4], &weights[1..]].concat()
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn the_rows_sum_to_the_times_of_their_stages() {
        for (row, c) in rows().iter().zip(times()) {
            let size: f64 = row.iter().map(|a| a.abs()).sum();
            assert!((row.iter().sum::<f64>() - c).abs() < 1e-15 * (1.0 + size), "{row:?} {c}");
        }
    }

    /// Of the trees of at most p nodes, the bushy ones, Σ b_i c_i^{q−1} = σ^q/q, and the tall ones, b A^{q−1} 1 = σ^q/q!. The others show in
    /// the slope of the error (`ode::tests`).
    #[test]
    fn bushy_and_tall_trees_are_right_to_order_8_at_the_end_and_7_inside() {
        let (rows, c) = (rows(), times());
        for (sigma, order) in [(1.0, 8), (0.1, 7), (0.4, 7), (0.77, 7)] {
            let weights = dense(sigma);
            let (mut bushy, mut tall, mut factorial) = (vec![1.0; 16], vec![1.0; 16], 1.0);
            for q in 1..=9 {
                factorial *= f64::from(q);
                let off = [
                    dot(&weights, &bushy) - f64::powi(sigma, q) / f64::from(q),
                    dot(&weights, &tall) - f64::powi(sigma, q) / factorial,
                ];
                let most = off[0].abs().max(off[1].abs());
                assert_eq!(most < 1e-14, q <= order, "{sigma}, {q} nodes: {off:?}");
                bushy.iter_mut().zip(&c).for_each(|(x, c)| *x *= c);
                tall = rows.iter().map(|row| dot(row, &tall)).collect();
            }
        }
        assert_eq!(dense(0.0), [0.0; 16]);
    }

    #[test]
    fn the_estimates_are_of_orders_5_and_3() {
        for (weights, order) in [(E5, 5), (E3, 3)] {
            let weights = [&weights[..1], &[0.0; 4], &weights[1..]].concat();
            let power = |q: i32| dot(&weights, &times().iter().map(|c| c.powi(q - 1)).collect::<Vec<_>>()).abs();
            assert!((1..=order).all(|q| power(q) < 1e-14) && power(order + 1) > 1e-5, "{order}");
        }
    }

    /// At every σ, and for every hρ up to the cap: the dense output of a mode never exceeds the mode at the start of the step.
    #[test]
    fn it_is_stable_where_it_is_used_and_so_is_its_dense_output() {
        let rows = rows();
        let inside = |z: f64, sigma: f64| {
            let mut k: Vec<f64> = Vec::new();
            rows.iter().for_each(|row| k.push(z * (1.0 + dot(row, &k))));
            1.0 + dot(&dense(sigma), &k)
        };
        for i in 0..=100 {
            let z = -STABLE * f64::from(i) / 100.0;
            for j in 0..=50 {
                let sigma = f64::from(j) / 50.0;
                assert!(inside(z, sigma).abs() <= 1.0 + 1e-13, "{z} {sigma}: {}", inside(z, sigma));
            }
        }
        assert!(inside(-6.38, 1.0).abs() <= 1.0 && inside(-6.5, 1.0).abs() > 1.0 && inside(-6.0, 0.5).abs() > 1.0);
    }
}
