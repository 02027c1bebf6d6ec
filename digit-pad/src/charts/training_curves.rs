//! Training curves as a PNG or SVG image: loss and accuracy over training steps.

use std::{io, ops::Range, path::Path};

use plotters::{
    backend::SVGBackend,
    chart::ChartBuilder,
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    element::{Circle, PathElement},
    series::LineSeries,
    style::{
        Color, FontStyle, RGBColor, TextStyle, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};
use plotters_backend::DrawingBackend;

use crate::{
    charts::{
        bitmap::{Bitmap, averaged},
        curves::{Curves, smoothed},
    },
    error::Error,
    format::grouped,
    storage::atomic_file,
};

/// Width and height in points; one pixel each in an SVG file.
const SIZE: (u32, u32) = (1280, 600);
/// Pixels per point in a PNG file.
const DENSITY: u32 = 2;
/// Factor by which a PNG image is drawn larger and then averaged, for anti-aliasing.
const OVERSAMPLING: u32 = 2;

/// Width of a PNG file, in pixels.
pub const PNG_WIDTH: u32 = SIZE.0 * DENSITY;
/// Height of a PNG file, in pixels.
pub const PNG_HEIGHT: u32 = SIZE.1 * DENSITY;

// Blue and vermilion of Okabe and Ito's palette, which can be told apart with any kind of color blindness.
const TRAINING: RGBColor = RGBColor(0, 114, 178);
const VALIDATION: RGBColor = RGBColor(213, 94, 0);
const TEXT: RGBColor = RGBColor(22, 27, 34);
const MUTED: RGBColor = RGBColor(89, 99, 115);
const GRID: RGBColor = RGBColor(228, 232, 238);

/// Largest number of labels along an axis.
const TICKS: usize = 6;

/// Right margin of each panel, in points.
const MARGIN: u32 = 32;

/// Name under which the embedded fonts are registered; also the font family list of an SVG file.
const FONT: &str = "Inter, Helvetica, Arial, sans-serif";

/// Format of the image file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// [`PNG_WIDTH`] × [`PNG_HEIGHT`] pixels.
    Png,
    /// Vector graphics.
    Svg,
}

/// Draws the curves into an image file, under a title (the network) and a subtitle (its results).
///
/// # Errors
/// If the file cannot be written.
pub fn draw(path: &Path, format: ImageFormat, curves: &Curves, network: &str, subtitle: &str) -> Result<(), Error> {
    let failed = |reason: String| Error::Write {
        path: path.to_owned(),
        cause: io::Error::other(reason),
    };
    register_fonts();
    let page = Page {
        curves,
        network,
        subtitle,
        scale: if format == ImageFormat::Png {
            DENSITY * OVERSAMPLING
        } else {
            1
        },
    };
    match format {
        ImageFormat::Svg => {
            let mut svg = String::new();
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            page.paint(&area).map_err(|error| failed(error.to_string()))?;
            drop(area);
            atomic_file::replace(path, |file| file.write_all(svg.as_bytes()))
        }
        ImageFormat::Png => {
            let size = (SIZE.0 * page.scale, SIZE.1 * page.scale);
            let mut pixels = vec![0; size.0 as usize * size.1 as usize];
            let bitmap = Bitmap::new(&mut pixels, size);
            page.paint(&bitmap.into_drawing_area())
                .map_err(|error| failed(error.to_string()))?;
            let rgb = averaged(&pixels, size.0 as usize, OVERSAMPLING as usize);
            atomic_file::replace_png(path, &rgb, PNG_WIDTH as usize, PNG_HEIGHT as usize)
        }
    }
}

/// Registers the embedded fonts with plotters, so that no system font is needed.
fn register_fonts() {
    for (style, bytes) in [
        (FontStyle::Normal, &include_bytes!("../../assets/Inter-Medium.otf")[..]),
        (FontStyle::Bold, &include_bytes!("../../assets/Inter-SemiBold.otf")[..]),
    ] {
        let registered = plotters::style::register_font(FONT, style, bytes);
        assert!(registered.is_ok(), "the embedded fonts are well formed");
    }
}

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// The content of the image, independent of the backend.
struct Page<'a> {
    curves: &'a Curves,
    network: &'a str,
    subtitle: &'a str,
    /// Pixels per point.
    scale: u32,
}

/// One of the two plots.
struct Panel {
    title: &'static str,
    /// Index of its metric in [`Curves`].
    metric: usize,
    /// Factor from the metric to the axis.
    factor: f64,
    /// The ideal value on the axis.
    best: f64,
}

const PANELS: [Panel; 2] = [
    Panel {
        title: "Loss (mean cross-entropy)",
        metric: 0,
        factor: 1.0,
        best: 0.0,
    },
    Panel {
        title: "Accuracy (%)",
        metric: 1,
        factor: 100.0,
        best: 100.0,
    },
];

impl Page<'_> {
    fn px(&self, points: u32) -> i32 {
        (points * self.scale) as i32
    }

    fn font(&self, size: u32, style: FontStyle, color: &'static RGBColor) -> TextStyle<'static> {
        let size = f64::from(size * self.scale);
        TextStyle::from((FONT, size, style)).color(color)
    }

    fn paint<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        area.fill(&WHITE)?;
        let (heading, panels) = area
            .margin(self.px(24), self.px(20), self.px(32), self.px(8))
            .split_vertically(self.px(88));
        self.heading(&heading)?;
        for (area, panel) in panels.split_evenly((1, 2)).iter().zip(&PANELS) {
            self.panel(area, panel)?;
        }
        area.present()
    }

    fn heading<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let title = self.font(24, FontStyle::Bold, &TEXT);
        let (width, _) = area.dim_in_pixel();
        let fits = |text: &str| Ok(area.estimate_text_size(text, &title)?.0 <= width);
        let network = shortened(self.network, fits)?;
        area.draw_text(&network, &title, (0, 0))?;
        area.draw_text(
            self.subtitle,
            &self.font(18, FontStyle::Normal, &MUTED),
            (0, self.px(36)),
        )
    }

    fn panel<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, panel: &Panel) -> Drawn<B> {
        let training = panel.scaled(self.curves.training(panel.metric));
        let validation = panel.scaled(self.curves.validation(panel.metric));
        let smooth = smoothed(&training);
        let range = panel.range(&smooth, &validation);

        let (title, plot) = area.split_vertically(self.px(40));
        self.panel_title(&title, panel.title)?;
        let mut chart = ChartBuilder::on(&plot)
            .margin_right(self.px(MARGIN))
            .margin_top(self.px(8))
            .x_label_area_size(self.px(50))
            .y_label_area_size(self.px(48))
            .build_cartesian_2d(self.curves.step_range(), range.clone())?;
        let labels = self.font(16, FontStyle::Normal, &MUTED);
        let decimals = Panel::decimals(&range);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE.mix(0.0))
            .bold_line_style(GRID.stroke_width(self.scale))
            .axis_style(MUTED.mix(0.6).stroke_width(self.scale))
            .set_all_tick_mark_size(self.px(4))
            .x_labels(TICKS)
            .y_labels(TICKS)
            .x_label_formatter(&|&step| step_label(step))
            .y_label_formatter(&|value| format!("{value:.decimals$}"))
            .label_style(labels.clone())
            .axis_desc_style(labels)
            .x_desc("Training step")
            .draw()?;
        for (points, color, width) in [
            (&training, TRAINING.mix(0.25), 1),
            (&smooth, TRAINING.mix(1.0), 3),
            (&validation, VALIDATION.mix(1.0), 2),
        ] {
            for run in runs(points, &range) {
                chart.draw_series(LineSeries::new(run, color.stroke_width(width * self.scale)))?;
            }
        }
        let dot = |color: RGBColor| move |point| Circle::new(point, self.px(4), color.filled());
        if smooth.len() == 1 {
            chart.draw_series(smooth.into_iter().map(dot(TRAINING)))?;
        }
        chart.draw_series(validation.into_iter().map(dot(VALIDATION)))?;
        Ok(())
    }

    /// The title on the left and the legend on the right.
    fn panel_title<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, title: &str) -> Drawn<B> {
        let middle = self.px(16);
        let at = |h| Pos::new(h, VPos::Center);
        let name = self.font(18, FontStyle::Bold, &TEXT).pos(at(HPos::Left));
        area.draw_text(title, &name, (0, middle))?;
        let label = self.font(16, FontStyle::Normal, &TEXT).pos(at(HPos::Right));
        let mut right = area.dim_in_pixel().0 as i32 - self.px(MARGIN);
        let mut entries = vec![("training (smoothed)", TRAINING, 3)];
        if !self.curves.validation(0).is_empty() {
            entries.insert(0, ("validation", VALIDATION, 2));
        }
        for (name, color, width) in entries {
            area.draw_text(name, &label, (right, middle))?;
            right -= area.estimate_text_size(name, &label)?.0 as i32 + self.px(8);
            let line = vec![(right - self.px(28), middle), (right, middle)];
            area.draw(&PathElement::new(line, color.stroke_width(width * self.scale)))?;
            if color == VALIDATION {
                area.draw(&Circle::new((right - self.px(14), middle), self.px(4), color.filled()))?;
            }
            right -= self.px(28 + 20);
        }
        Ok(())
    }
}

impl Panel {
    fn scaled(&self, points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
        points.into_iter().map(|(x, y)| (x, self.factor * y)).collect()
    }

    /// The range of the y axis.
    ///
    /// It leaves out the first twentieth of the curve, which is so steep that the rest would look flat, and includes the
    /// ideal value unless that is far away.
    fn range(&self, training: &[(f64, f64)], validation: &[(f64, f64)]) -> Range<f64> {
        let settled = &training[training.len() / 20..];
        let best = self.best;
        let distances = settled.iter().chain(validation).map(|point| (point.1 - best).abs());
        let (low, high) = distances.fold((f64::INFINITY, 0.0_f64), |(low, high), y| (low.min(y), high.max(y)));
        let space = (0.08 * (high - low)).max(0.02 * high).max(1e-3);
        let near = if low < 0.5 * high { 0.0 } else { low - space };
        let far = high + space;
        if best > 0.0 {
            (best - far).max(0.0)..best - near
        } else {
            near..far
        }
    }

    /// Decimals needed to tell the labels of an axis apart.
    fn decimals(range: &Range<f64>) -> usize {
        let spacing = (range.end - range.start) / TICKS as f64;
        (-spacing.log10()).ceil().clamp(0.0, 6.0) as usize
    }
}

/// The parts of a polyline whose y is within a range.
fn runs(points: &[(f64, f64)], range: &Range<f64>) -> Vec<Vec<(f64, f64)>> {
    let mut runs: Vec<Vec<_>> = Vec::new();
    for pair in points.windows(2) {
        let Some((from, to)) = clipped(pair[0], pair[1], range) else {
            continue;
        };
        match runs.last_mut() {
            Some(run) if run.last() == Some(&from) => run.push(to),
            _ => runs.push(vec![from, to]),
        }
    }
    runs
}

/// The part of a line segment whose y is within a range.
fn clipped(from: (f64, f64), to: (f64, f64), range: &Range<f64>) -> Option<((f64, f64), (f64, f64))> {
    let at = |bound: f64| {
        let share = (bound - from.1) / (to.1 - from.1);
        (from.0 + share * (to.0 - from.0), bound)
    };
    let end = |point: (f64, f64)| match point.1 {
        y if y < range.start => at(range.start),
        y if y > range.end => at(range.end),
        _ => point,
    };
    let beyond = |bound: fn(f64, &Range<f64>) -> bool| bound(from.1, range) && bound(to.1, range);
    let outside = beyond(|y, range| y < range.start) || beyond(|y, range| y > range.end);
    (!outside).then(|| (end(from), end(to)))
}

/// The label of a step; empty between whole steps.
fn step_label(step: f64) -> String {
    if step.fract() == 0.0 {
        grouped(step as u64)
    } else {
        String::new()
    }
}

/// Shortens a network's text form to the items that fit, with an ellipsis for the rest.
fn shortened<E>(network: &str, mut fits: impl FnMut(&str) -> Result<bool, E>) -> Result<String, E> {
    let items: Vec<&str> = network.split(" | ").collect();
    for count in (1..items.len()).rev() {
        let shown = items[..=count].join(" | ");
        let shown = if count + 1 < items.len() {
            shown + " | …"
        } else {
            shown
        };
        if fits(&shown)? {
            return Ok(shown);
        }
    }
    Ok(items[0].to_owned())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn lines_are_clipped_to_their_panel() {
        let steep = [(0.0, 3.0), (1.0, 1.0), (2.0, 0.5), (3.0, 2.5), (4.0, 2.5), (5.0, 0.5)];
        let inside = runs(&steep, &(0.0..2.0));
        assert_eq!(
            inside,
            [
                vec![(0.5, 2.0), (1.0, 1.0), (2.0, 0.5), (2.75, 2.0)],
                vec![(4.25, 2.0), (5.0, 0.5)]
            ]
        );
        assert_eq!(
            runs(&[(0.0, 3.0), (1.0, -1.0)], &(0.0..2.0)),
            [[(0.25, 2.0), (0.75, 0.0)]]
        );
        assert!(runs(&steep[..1], &(0.0..2.0)).is_empty());
    }

    #[test]
    fn long_networks_are_shortened_between_items() {
        let shown = |most: usize| {
            let fits = |text: &str| Ok::<_, Infallible>(text.chars().count() <= most);
            shortened("784 | dense 128 | relu | dense 10", fits).unwrap()
        };
        assert_eq!(shown(33), "784 | dense 128 | relu | dense 10");
        assert_eq!(shown(32), "784 | dense 128 | relu | …");
        assert_eq!(shown(19), "784 | dense 128 | …");
        assert_eq!(shown(2), "784");
    }

    #[test]
    fn the_steep_start_does_not_set_the_range() {
        let training: Vec<_> = (0..100)
            .map(|i| (f64::from(i), if i < 5 { 50.0 } else { 1.0 }))
            .collect();
        assert_eq!(PANELS[0].range(&training, &[(99.0, 2.0)]), 0.92..2.08);
    }

    #[test]
    fn the_ideal_value_is_shown_unless_far_away() {
        let rounded = |bound: f64| (1e6 * bound).round() / 1e6;
        let range = |panel: usize, low: f64, high: f64| {
            let range = PANELS[panel].range(&[(0.0, low)], &[(1.0, high)]);
            rounded(range.start)..rounded(range.end)
        };
        assert_eq!(range(0, 0.1, 1.1), 0.0..1.18);
        assert_eq!(range(0, 1.0, 1.5), 0.96..1.54);
        assert_eq!(range(1, 90.0, 99.0).end, 100.0);
        assert_eq!(range(1, 80.0, 82.0), 79.6..82.4);
        assert_eq!(range(1, 0.0, 90.0), 0.0..100.0);
        assert!(!range(0, 0.0, 0.0).is_empty() && !range(1, 100.0, 100.0).is_empty());
        assert!(!range(1, 0.0, 0.0).is_empty());
    }

    #[test]
    fn labels_have_as_few_decimals_as_possible() {
        for (range, decimals) in [(0.0..60.0, 0), (0.0..4.0, 1), (0.0..0.5, 2), (99.0..99.01, 3)] {
            assert_eq!(Panel::decimals(&range), decimals, "{range:?}");
        }
        assert_eq!(
            (step_label(60_000.0), step_label(0.5)),
            ("60,000".to_owned(), String::new())
        );
    }
}
