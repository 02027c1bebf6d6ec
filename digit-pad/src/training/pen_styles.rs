//! Styles of digits that are rare in the training data: strokes added, moved, lengthened or shortened.

use rand::{Rng, RngExt};

use crate::geometry::{Bounds, Point};

/// Strokes in canvas units.
pub(super) type Strokes = Vec<Vec<Point>>;

/// Changes the style of a digit at random; of others it leaves the strokes as they are.
pub(super) fn restyle(digit: usize, strokes: &mut Strokes, rng: &mut impl Rng) {
    let Some(bounds) = Bounds::around(strokes.iter().flatten().copied()) else {
        return;
    };
    let size = bounds.longest_side();
    match (digit, strokes.len()) {
        (0, 1) => slash(strokes, &bounds, rng),
        (1, 1) if bounds.width() < 0.3 * bounds.height() => one(strokes, size, rng),
        (1 | 7, _) => hook(strokes, size, rng),
        (5, 2) => detach(strokes, size, rng),
        (6, 1) => open(strokes, rng),
        (9, _) => curl(strokes, size, rng),
        _ => {}
    }
}

fn between(rng: &mut impl Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// A slash through a zero: across it, or steep and far beyond it.
fn slash(strokes: &mut Strokes, bounds: &Bounds, rng: &mut impl Rng) {
    let center = bounds.center();
    let (lean, most) = if rng.random() {
        (between(rng, 0.5, 1.1), 1.35)
    } else {
        (between(rng, 0.0, 0.6), 2.6)
    };
    let mut end = |side: f32| {
        let half = 0.5 * side * between(rng, 0.75, most);
        Point::new(
            center.x + half * lean * bounds.width(),
            center.y - half * bounds.height(),
        )
    };
    let slash = vec![end(-1.0), end(1.0)];
    strokes.push(slash);
}

/// A flag, a base or a hook for a plain one.
fn one(strokes: &mut Strokes, size: f32, rng: &mut impl Rng) {
    let line = &mut strokes[0];
    if line[0].y > line[line.len() - 1].y {
        line.reverse();
    }
    match rng.random_range(0..4) {
        0 => hook(strokes, size, rng),
        1 => base(strokes, size, rng),
        2 => flag(strokes, size, rng),
        _ => {
            flag(strokes, size, rng);
            if rng.random() {
                base(strokes, size, rng);
            } else {
                hook(strokes, size, rng);
            }
        }
    }
}

/// A flag at the top of a one: a long one falls steeply, a short one may be level.
fn flag(strokes: &mut Strokes, size: f32, rng: &mut impl Rng) {
    let top = strokes[0][0];
    let (length, angle) = if rng.random() {
        (between(rng, 0.15, 0.32), between(rng, 0.4, 1.6))
    } else {
        (between(rng, 0.3, 0.62), between(rng, 0.3, 1.0))
    };
    let length = size * length;
    let tip = Point::new(top.x - length * angle.sin(), top.y + length * angle.cos());
    strokes[0].insert(0, tip);
}

/// A base under a one, which need not touch it.
fn base(strokes: &mut Strokes, size: f32, rng: &mut impl Rng) {
    let foot = strokes[0][strokes[0].len() - 1];
    let y = foot.y + size * between(rng, -0.02, 0.15);
    let mut end = |side: f32| {
        Point::new(
            foot.x + side * size * between(rng, 0.12, 0.5),
            y + size * between(rng, -0.05, 0.05),
        )
    };
    let base = vec![end(-1.0), end(1.0)];
    strokes.push(base);
}

/// A short stroke sideways at the end of the first one.
fn hook(strokes: &mut Strokes, size: f32, rng: &mut impl Rng) {
    let line = &mut strokes[0];
    let end = line[line.len() - 1];
    let side = if rng.random_range(0..4) == 0 { -1.0 } else { 1.0 };
    let length = size * between(rng, 0.08, 0.25);
    line.push(Point::new(
        end.x + side * length,
        end.y - length * between(rng, -0.1, 0.6),
    ));
}

/// The bar of a five away from its body.
fn detach(strokes: &mut Strokes, size: f32, rng: &mut impl Rng) {
    let height = |stroke: &Vec<Point>| Bounds::around(stroke.iter().copied()).map_or(0.0, |bounds| bounds.height());
    let bar = usize::from(height(&strokes[1]) < height(&strokes[0]));
    let (right, up) = (size * between(rng, -0.08, 0.2), size * between(rng, -0.04, 0.14));
    for point in &mut strokes[bar] {
        *point = Point::new(point.x + right, point.y - up);
    }
}

/// A six whose loop is not closed: the end of its stroke is cut off.
fn open(strokes: &mut Strokes, rng: &mut impl Rng) {
    let line = &mut strokes[0];
    let kept = (line.len() as f32 * between(rng, 0.86, 0.97)) as usize;
    line.truncate(kept.max(2));
}

/// A curl to the left at the end of a nine.
fn curl(strokes: &mut Strokes, size: f32, rng: &mut impl Rng) {
    const STEPS: usize = 6;
    let last = strokes.len() - 1;
    let line = &mut strokes[last];
    let (mut at, mut angle) = (line[line.len() - 1], between(rng, 0.5, 1.2));
    let (step, turn) = (size * between(rng, 0.03, 0.07), between(rng, 0.25, 0.45));
    for _ in 0..STEPS {
        at = Point::new(at.x - step * angle.sin(), at.y + step * angle.cos());
        line.push(at);
        angle += turn;
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    fn line(points: &[(f32, f32)]) -> Vec<Point> {
        points.iter().map(|&(x, y)| Point::new(x, y)).collect()
    }

    fn restyled(digit: usize, strokes: &Strokes) -> Vec<Strokes> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut again = |_| {
            let mut strokes = strokes.clone();
            restyle(digit, &mut strokes, &mut rng);
            strokes
        };
        (0..100).map(&mut again).collect()
    }

    #[test]
    fn each_style_changes_its_digit_alone() {
        let down = vec![line(&[(50.0, 0.0), (50.0, 50.0), (50.0, 100.0)])];
        let with_bar = vec![
            line(&[(0.0, 0.0), (0.0, 50.0), (50.0, 100.0)]),
            line(&[(0.0, 0.0), (50.0, 0.0)]),
        ];
        for (digit, strokes) in [(0, &down), (1, &down), (5, &with_bar), (7, &with_bar), (9, &down)] {
            assert!(
                restyled(digit, strokes).iter().all(|changed| changed != strokes),
                "{digit}"
            );
        }
        for digit in [2, 3, 4, 8] {
            assert!(restyled(digit, &down).iter().all(|same| *same == down), "{digit}");
        }
        assert!(restyled(3, &Vec::new()).iter().all(Vec::is_empty));
    }

    #[test]
    fn a_flag_is_left_of_the_top_and_a_bar_moves_alone() {
        let up = vec![line(&[(50.0, 100.0), (50.0, 0.0)])];
        for changed in restyled(1, &up) {
            assert_ne!(changed, up);
            let tip = changed[0][0];
            assert!(tip.x <= 50.0 && (-5.0..70.0).contains(&tip.y));
            assert!(changed.iter().skip(1).flatten().all(|point| point.y > 90.0));
        }
        let five = vec![
            line(&[(0.0, 0.0), (0.0, 50.0), (50.0, 100.0)]),
            line(&[(0.0, 0.0), (50.0, 0.0)]),
        ];
        for changed in restyled(5, &five) {
            assert_eq!(changed[0], five[0]);
        }
    }
}
