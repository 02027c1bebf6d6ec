//! Photos of single digits on paper, one kind per difficulty.

use std::f32::consts::{FRAC_PI_4, TAU};

use mnist_io::Dataset;

use crate::pictures::{
    Picture, Random,
    canvas::{Canvas, Color, edge, mix},
    digit::{Placed, ink_height},
};

const WIDTH: usize = 640;
const HEIGHT: usize = 480;
const PAPER: Color = [215.0, 212.0, 205.0];
const INK: Color = [28.0, 28.0, 66.0];
const BLUE_LINE: Color = [138.0, 152.0, 200.0];
const RED_LINE: Color = [188.0, 84.0, 100.0];
/// Least distance of ink from the frame, in pixels.
const MARGIN: f32 = 12.0;

/// Kind of photo.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    take: fn(&mut Shot),
}

/// All kinds: first those that were hard to read, then those that were not.
pub const KINDS: [Kind; 24] = [
    kind("circled", circled),
    kind("ruled-margin", ruled_margin),
    kind("equal-gray", equal_gray),
    kind("half-faded", half_faded),
    kind("glare", glare),
    kind("hard-shadow", hard_shadow),
    kind("underlined", underlined),
    kind("rotated-45", |shot| rotated(shot, FRAC_PI_4)),
    kind("tight-0", |shot| tight(shot, 0.0)),
    kind("tight-10", |shot| tight(shot, 0.1)),
    kind("yellow-highlighter", yellow_highlighter),
    kind("orange-on-gray", orange_on_gray),
    kind("plain", plain),
    kind("squared", squared),
    kind("lined", lined),
    kind("pencil", pencil),
    kind("marker", marker),
    kind("slope", slope),
    kind("noise", noise),
    kind("jpeg-5", jpeg_5),
    kind("chalkboard", chalkboard),
    kind("crumpled", crumpled),
    kind("dark-desk", dark_desk),
    kind("rotated-20", |shot| rotated(shot, 20f32.to_radians())),
];

const fn kind(name: &'static str, take: fn(&mut Shot)) -> Kind {
    Kind { name, take }
}

impl Kind {
    /// Takes photo number `index` of a seed. Photos of equal number show the same digit in every kind.
    #[must_use]
    pub fn picture(&self, digits: &Dataset, seed: u64, index: u64) -> Picture {
        let mut random = Random::new(seed, index);
        let digit = random.below(digits.len());
        let mut shot = Shot::new(digits.image(digit), random);
        (self.take)(&mut shot);
        shot.canvas.noise(shot.noise, &mut shot.random);
        let image = shot.canvas.image(shot.blur);
        Picture::jpeg(&image, shot.quality, digits.label(digit).to_string())
    }
}

/// A photo while it is made.
struct Shot<'a> {
    canvas: Canvas,
    digit: Placed<'a>,
    ink: Color,
    noise: f32,
    blur: f32,
    quality: u8,
    random: Random,
}

impl<'a> Shot<'a> {
    fn new(pixels: &'a [u8], mut random: Random) -> Self {
        let height = random.between(90.0, 230.0);
        let digit = Placed {
            pixels,
            center: [0.0; 2],
            scale: height / ink_height(pixels),
            angle: 0.0,
            thicker: 0.0,
        };
        let mut shot = Shot {
            canvas: Canvas::new(WIDTH, HEIGHT, PAPER),
            digit,
            ink: INK,
            noise: 2.0,
            blur: 0.8,
            quality: 85,
            random,
        };
        shot.place();
        shot
    }

    /// Moves the digit to a random place.
    fn place(&mut self) {
        let half = self.digit.half_size();
        let [width, height] = [self.canvas.width as f32, self.canvas.height as f32];
        self.digit.center = [
            self.random.between(half[0] + MARGIN, width - half[0] - MARGIN),
            self.random.between(half[1] + MARGIN, height - half[1] - MARGIN),
        ];
    }

    fn paper(&mut self, color: Color) {
        self.canvas.cover(color, |_, _| 1.0);
    }

    fn draw(&mut self) {
        self.canvas.digit(&self.digit, self.ink, |_, _| 1.0);
    }

    /// Height of the digit, in pixels.
    fn height(&self) -> f32 {
        2.0 * self.digit.half_size()[1]
    }

    /// Lines from side to side, `pitch` pixels apart, of slope `tilt`.
    fn rule(&mut self, color: Color, width: f32, pitch: f32, tilt: f32) {
        let mut y = self.random.between(-pitch, 0.0) - tilt.abs() * WIDTH as f32;
        while y < HEIGHT as f32 * 1.2 {
            let right = y + tilt * WIDTH as f32;
            self.canvas.line(color, width, [0.0, y], [WIDTH as f32, right]);
            y += pitch;
        }
    }
}

fn plain(shot: &mut Shot) {
    shot.draw();
}

fn circled(shot: &mut Shot) {
    let [half_width, half_height] = shot.digit.half_size();
    let radius = shot.random.between(1.25, 1.9) * half_width.hypot(half_height);
    let radius = radius.min(0.5 * HEIGHT as f32 - 8.0);
    let [width, height] = [WIDTH as f32, HEIGHT as f32];
    shot.digit.center = [
        shot.random.between(radius + 6.0, width - radius - 6.0),
        shot.random.between(radius + 6.0, height - radius - 6.0),
    ];
    shot.draw();
    let pen = shot.random.between(4.0, 8.0);
    let oval = shot.random.between(0.96, 1.0);
    shot.canvas
        .ellipse(INK, pen, shot.digit.center, [radius, radius * oval]);
}

fn ruled_margin(shot: &mut Shot) {
    let (pitch, tilt) = (shot.random.between(36.0, 60.0), shot.random.between(-0.04, 0.04));
    shot.rule(mix(BLUE_LINE, INK, 0.1), 2.0, pitch, tilt);
    let x = shot.random.between(60.0, 120.0);
    shot.canvas
        .line(RED_LINE, 3.0, [x, 0.0], [x - tilt * HEIGHT as f32, HEIGHT as f32]);
    shot.draw();
}

/// Red on blue of the same luma.
fn equal_gray(shot: &mut Shot) {
    shot.paper([85.0, 130.0, 210.0]);
    shot.ink = [235.0, 85.0, 85.0];
    shot.draw();
}

fn half_faded(shot: &mut Shot) {
    let direction = shot.random.between(0.0, TAU);
    let faint = shot.random.between(0.15, 0.3);
    let [x0, y0] = shot.digit.center;
    let half = 0.5 * shot.height();
    let (sin, cos) = direction.sin_cos();
    shot.canvas.digit(&shot.digit, INK, |x, y| {
        let along = ((x - x0) * cos + (y - y0) * sin) / half;
        1.0 - (1.0 - faint) * (0.5 + 0.5 * along).clamp(0.0, 1.0)
    });
}

fn glare(shot: &mut Shot) {
    shot.paper([200.0, 204.0, 203.0]);
    shot.ink = [45.0, 45.0, 135.0];
    shot.draw();
    let half = shot.height() * 0.5;
    let at = [0, 1].map(|axis| shot.digit.center[axis] + shot.random.between(-1.0, 1.0) * half);
    let radius = shot.random.between(0.5, 1.0) * half.max(60.0);
    let strength = shot.random.between(0.6, 0.9);
    shot.canvas.map(|x, y, pixel| {
        let square = ((x - at[0]).powi(2) + (y - at[1]).powi(2)) / (radius * radius);
        mix(pixel, [255.0; 3], strength * (-square).exp())
    });
}

/// A shadow with a hard edge across the digit.
fn hard_shadow(shot: &mut Shot) {
    shot.draw();
    let direction = shot.random.between(0.0, TAU);
    let (sin, cos) = direction.sin_cos();
    let at = [0, 1].map(|axis| shot.digit.center[axis] + shot.random.between(-0.25, 0.25) * shot.height());
    let light = shot.random.between(0.44, 0.56);
    shot.canvas
        .shade(|x, y| 1.0 - (1.0 - light) * edge((x - at[0]) * cos + (y - at[1]) * sin));
}

fn underlined(shot: &mut Shot) {
    let [half_width, half_height] = shot.digit.half_size();
    let gap = shot.random.between(0.12, 0.35) * half_height;
    let room = HEIGHT as f32 - MARGIN - gap - half_height;
    shot.digit.center[1] = shot.digit.center[1].min(room);
    shot.draw();
    let [x, y] = shot.digit.center;
    let half = half_width.max(0.4 * half_height) * shot.random.between(1.0, 1.4);
    let tilt = shot.random.between(-0.04, 0.04) * half;
    let below = y + half_height + gap;
    shot.canvas
        .line(INK, 5.0, [x - half, below - tilt], [x + half, below + tilt]);
}

fn rotated(shot: &mut Shot, angle: f32) {
    shot.digit.angle = angle * shot.random.sign();
    shot.place();
    shot.draw();
}

/// Cropped to the ink, with a margin of that share of its height.
fn tight(shot: &mut Shot, margin: f32) {
    let [half_width, half_height] = shot.digit.half_size();
    let border = 2.0 * half_height * margin;
    let size = [half_width, half_height].map(|half| (2.0 * (half + border)).round().max(8.0) as usize);
    shot.canvas = Canvas::new(size[0], size[1], PAPER);
    shot.digit.center = size.map(|side| 0.5 * side as f32 - 0.5);
    shot.draw();
}

fn yellow_highlighter(shot: &mut Shot) {
    shot.paper([234.0, 235.0, 230.0]);
    shot.ink = [247.0, 240.0, 90.0];
    shot.digit.thicker = 0.8;
    shot.draw();
}

fn orange_on_gray(shot: &mut Shot) {
    shot.paper([169.0; 3]);
    shot.ink = [247.0, 145.0, 40.0];
    shot.draw();
}

fn squared(shot: &mut Shot) {
    let (pitch, tilt) = (shot.random.between(24.0, 40.0), shot.random.between(-0.03, 0.03));
    let color = mix(PAPER, BLUE_LINE, 0.6);
    shot.rule(color, 1.5, pitch, tilt);
    let mut x = shot.random.between(-pitch, 0.0);
    while x < WIDTH as f32 + pitch {
        let below = x - tilt * HEIGHT as f32;
        shot.canvas.line(color, 1.5, [x, 0.0], [below, HEIGHT as f32]);
        x += pitch;
    }
    shot.draw();
}

fn lined(shot: &mut Shot) {
    let (pitch, tilt) = (shot.random.between(36.0, 60.0), shot.random.between(-0.04, 0.04));
    shot.rule(mix(PAPER, BLUE_LINE, 0.6), 1.5, pitch, tilt);
    shot.draw();
}

/// Gray strokes with grain.
fn pencil(shot: &mut Shot) {
    shot.ink = [110.0, 110.0, 114.0];
    shot.digit.thicker = -0.2;
    let color = shot.ink;
    let (digit, random) = (shot.digit, &mut shot.random);
    shot.canvas.map(|x, y, pixel| {
        let grain = (0.85 + 0.2 * random.normal()).clamp(0.2, 1.0);
        mix(pixel, color, digit.ink(x, y) * grain)
    });
    shot.noise = 3.0;
}

fn marker(shot: &mut Shot) {
    shot.digit.thicker = 0.9;
    shot.draw();
}

/// Light that falls off across the paper.
fn slope(shot: &mut Shot) {
    shot.draw();
    let (sin, cos) = shot.random.between(0.0, TAU).sin_cos();
    shot.canvas.shade(|x, y| {
        let along = (x / WIDTH as f32 - 0.5) * cos + (y / HEIGHT as f32 - 0.5) * sin;
        0.7 + 0.5 * along
    });
}

fn noise(shot: &mut Shot) {
    shot.draw();
    shot.noise = 18.0;
    shot.blur = 0.6;
}

fn jpeg_5(shot: &mut Shot) {
    shot.draw();
    shot.quality = 5;
}

fn chalkboard(shot: &mut Shot) {
    shot.paper([42.0, 66.0, 54.0]);
    let (digit, random) = (shot.digit, &mut shot.random);
    shot.canvas.map(|x, y, pixel| {
        let chalk = (0.85 + 0.15 * random.normal()).clamp(0.3, 1.0);
        mix(pixel, [225.0, 228.0, 220.0], digit.ink(x, y) * chalk)
    });
    shot.noise = 5.0;
}

/// Creases: random straight edges, each with a little more light on one side.
fn crumpled(shot: &mut Shot) {
    shot.draw();
    for _ in 0..14 {
        let (sin, cos) = shot.random.between(0.0, TAU).sin_cos();
        let at = [
            shot.random.between(0.0, WIDTH as f32),
            shot.random.between(0.0, HEIGHT as f32),
        ];
        let (light, reach) = (shot.random.between(0.05, 0.13), shot.random.between(40.0, 160.0));
        shot.canvas.shade(|x, y| {
            let away = (x - at[0]) * cos + (y - at[1]) * sin;
            if away > 0.0 {
                1.0 - light * (-away / reach).exp()
            } else {
                1.0
            }
        });
    }
}

/// A sheet on a darker desk, of which a strip is in the frame on two sides.
fn dark_desk(shot: &mut Shot) {
    shot.draw();
    let (left, top) = (shot.random.sign() > 0.0, shot.random.sign() > 0.0);
    let strip = [0, 1].map(|axis| {
        let half = shot.digit.half_size()[axis];
        let (center, length) = (shot.digit.center[axis], [WIDTH as f32, HEIGHT as f32][axis]);
        let before = if [left, top][axis] { center } else { length - center };
        (before - half - 8.0).min(0.15 * length).max(2.0)
    });
    let tilt = shot.random.between(-0.01, 0.01);
    shot.canvas.cover([62.0, 50.0, 42.0], |x, y| {
        let across = if left { x } else { WIDTH as f32 - x } + tilt * (y - 0.5 * HEIGHT as f32);
        let down = if top { y } else { HEIGHT as f32 - y } + tilt * (x - 0.5 * WIDTH as f32);
        edge(strip[0] - across).max(edge(strip[1] - down))
    });
}

#[cfg(test)]
mod tests {
    use mnist_io::{Mnist, Split};

    use super::*;

    #[test]
    fn the_seed_decides_the_photo() {
        let digits = Mnist::embedded_split(Split::Test).unwrap();
        for kind in [&KINDS[0], &KINDS[15]] {
            let first = kind.picture(&digits, 1, 3);
            assert_eq!(first.bytes, kind.picture(&digits, 1, 3).bytes, "{}", kind.name);
            assert_ne!(first.bytes, kind.picture(&digits, 2, 3).bytes, "{}", kind.name);
        }
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), KINDS.len());
    }
}
