//! Colours on a dark page. The lightness of neutral and pale colours is inverted: white becomes the colour of the page, black that of text,
//! a pale band a dark one. Curves keep their hue and their order of lightness, and become light enough to stand out.

use plotters::style::RGBColor;

use crate::scenario::style::Theme;

/// OKLab lightness, from 0 to 1, of the dark page and of text on it.
const PAGE: f64 = 0.15;
const LETTERS: f64 = 0.98;
/// (a, b): a curve of lightness L on a white page has lightness a + bL on a dark one.
const CURVES: (f64, f64) = (0.6, 0.3);
/// Chroma up to which a colour is treated as pale, and from which as a curve's; colours between are blended.
const PALE: (f64, f64) = (0.05, 0.10);

impl Theme {
    /// `color`, chosen for a white page, as this theme shows it.
    pub(in super::super) fn shown(self, color: RGBColor) -> RGBColor {
        match self {
            Self::Light => color,
            Self::Dark => turned(color),
        }
    }
}

fn turned(color: RGBColor) -> RGBColor {
    let [lightness, a, b] = oklab(color);
    let inverted = LETTERS + lightness * (PAGE - LETTERS);
    let share = ((a.hypot(b) - PALE.0) / (PALE.1 - PALE.0)).clamp(0.0, 1.0);
    rgb([inverted + share * (CURVES.0 + CURVES.1 * lightness - inverted), a, b])
}

/// (L, a, b) of an sRGB colour: Björn Ottosson, *A perceptual color space for image processing*, 2020.
fn oklab(RGBColor(red, green, blue): RGBColor) -> [f64; 3] {
    let [r, g, b] = [red, green, blue].map(|channel| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    });
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

fn rgb([lightness, a, b]: [f64; 3]) -> RGBColor {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let channel = |c: f64| {
        let c = c.clamp(0.0, 1.0);
        let c = if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
        (255.0 * c).round() as u8
    };
    RGBColor(
        channel(4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s),
        channel(-1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s),
        channel(-0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::style::{BLACK, GREY, WHITE, categorical};
    use super::*;

    #[test]
    fn colours_come_back_from_oklab() {
        for i in 0..10 {
            let color = categorical(i);
            assert_eq!(rgb(oklab(color)), color);
        }
    }

    /// The ratio of relative luminances that accessibility is judged by (WCAG 2, 1.4.3 and 1.4.11).
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let luminance = |RGBColor(red, green, blue): RGBColor| {
            let [r, g, b] = [red, green, blue].map(|channel| (f64::from(channel) / 255.0).powf(2.2));
            0.05 + 0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        a.max(b) / a.min(b)
    }

    #[test]
    fn everything_stands_out_from_a_dark_page() {
        let dark = |color| contrast(Theme::Dark.shown(color), Theme::Dark.shown(WHITE));
        assert!(dark(BLACK) >= 7.0 && dark(GREY) >= 4.5, "{} {}", dark(BLACK), dark(GREY));
        for i in 0..10 {
            assert!(dark(categorical(i)) >= 3.0, "{i}: {}", dark(categorical(i)));
        }
        // A band, a fifth of its curve's colour, is visible but stays in the background.
        assert!((1.02..1.5).contains(&dark(RGBColor(204, 226, 239))));
        assert_eq!(Theme::Light.shown(GREY), GREY);
    }
}
