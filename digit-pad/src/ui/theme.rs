//! Colors of the light and the dark theme.

use crate::graphics::color::Color;

/// Colors of a theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// The window's background.
    pub background: Color,
    /// The canvas and the network input.
    pub canvas: Color,
    /// Borders, and icons of disabled buttons.
    pub border: Color,
    /// The drawing.
    pub ink: Color,
    /// Primary text.
    pub text: Color,
    /// Secondary text: captions and hints.
    pub muted: Color,
    /// The empty part of a bar.
    pub track: Color,
    /// The bars of digits other than the predicted one.
    pub bar: Color,
    /// The prediction, where the network is sure.
    pub accent: Color,
    /// The prediction, where the network is not sure.
    pub uncertain: Color,
    /// A button at rest.
    pub button: Color,
    /// A button under the pointer.
    pub button_hover: Color,
    /// A button that is pressed.
    pub button_pressed: Color,
}

impl Theme {
    /// The dark theme. Its blue and orange can be told apart with any kind of color blindness.
    pub const DARK: Theme = Theme {
        background: Color(0x0012_151B),
        canvas: Color(0x0009_0B0F),
        border: Color(0x002B_323D),
        ink: Color(0x00F3_F5F9),
        text: Color(0x00E9_EDF3),
        muted: Color(0x009A_A5B4),
        track: Color(0x001F_252E),
        bar: Color(0x0056_6377),
        accent: Color(0x005C_ADFF),
        uncertain: Color(0x00FF_B454),
        button: Color(0x001E_242D),
        button_hover: Color(0x0029_313C),
        button_pressed: Color(0x0017_1C23),
    };

    /// The light theme, with the same two hues.
    pub const LIGHT: Theme = Theme {
        background: Color(0x00F1_F3F6),
        canvas: Color(0x00FF_FFFF),
        border: Color(0x00C3_CAD4),
        ink: Color(0x0010_141B),
        text: Color(0x0015_1A22),
        muted: Color(0x004A_5463),
        track: Color(0x00DC_E1E8),
        bar: Color(0x007A_8798),
        accent: Color(0x000B_62C4),
        uncertain: Color(0x009A_4D00),
        button: Color(0x00E2_E7ED),
        button_hover: Color(0x00D3_DAE3),
        button_pressed: Color(0x00C6_CED9),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphics::color::contrast;

    #[test]
    fn contrast_agrees_with_the_guidelines() {
        assert!((contrast(Color(0), Color(0x00FF_FFFF)) - 21.0).abs() < 1e-9);
        assert!((contrast(Color(0x0077_7777), Color(0x00FF_FFFF)) - 4.48).abs() < 0.01);
    }

    #[test]
    fn text_has_enough_contrast() {
        [Theme::DARK, Theme::LIGHT].into_iter().for_each(check_text);
    }

    fn check_text(t: Theme) {
        let text_colors = [t.text, t.muted, t.accent, t.uncertain];
        let button_text = [t.text, t.muted];
        // Icons need less contrast than text.
        assert!(contrast(t.accent, t.button_hover) >= 3.0);
        let pairs = text_colors.map(|text| (text, t.background)).into_iter();
        let buttons = [t.button, t.button_hover, t.button_pressed];
        let pairs = pairs.chain(buttons.into_iter().flat_map(|b| button_text.map(|text| (text, b))));
        for (text, background) in pairs.chain([(t.muted, t.canvas), (t.ink, t.canvas)]) {
            let contrast = contrast(text, background);
            assert!(contrast >= 4.5, "{text:06X?} on {background:06X?}: {contrast:.2}");
        }
    }

    #[test]
    fn bars_have_enough_contrast() {
        for t in [Theme::DARK, Theme::LIGHT] {
            for bar in [t.bar, t.accent, t.uncertain] {
                let contrast = contrast(bar, t.track);
                assert!(contrast >= 2.5, "{bar:06X?}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn blending_is_exact_at_both_ends() {
        let (below, above) = (Color(0x0010_80F0), Color(0x00FE_0133));
        assert_eq!(below.under(above, 0), below);
        assert_eq!(below.under(above, 255), above);
        assert_eq!(Color(0).under(Color(0x00FF_FFFF), 128), Color(0x0080_8080));
    }
}
