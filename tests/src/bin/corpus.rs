//! Writes the first files of the fuzzing corpora: valid files of every kind, and damaged copies of them.
//!
//! `cargo run -p tests --bin corpus -- fuzz/corpus`

use std::{fs, io, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use nn_core::{
    Cursor, Model, Network, Trainer,
    optim::{Adam, Sgd},
};
use tests::random;

/// Damaged copies of each file.
const DAMAGED: usize = 3;

type Files = Vec<Vec<u8>>;

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "fuzz/corpus".to_owned());
    for (name, files) in [
        ("checkpoint", checkpoints()),
        ("csv", csv()),
        ("idx", idx()),
        ("photo", photos()),
        ("product", products()),
        ("safetensors", weights()),
        ("settings", settings()),
        ("strokes", strokes()),
        ("teaching", examples()),
        ("text", texts()),
    ] {
        let folder = Path::new(&folder).join(name);
        fs::create_dir_all(&folder)?;
        for (index, file) in files.iter().enumerate() {
            fs::write(folder.join(format!("{index:02}")), file)?;
            for copy in 0..DAMAGED {
                fs::write(folder.join(format!("{index:02}-damaged-{copy}")), damaged(file, copy))?;
            }
        }
    }
    Ok(())
}

/// A copy that is cut, or has a bit changed.
fn damaged(file: &[u8], copy: usize) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = file.len() * (2 * copy + 1) / (2 * DAMAGED);
    if copy == 0 {
        file.truncate(file.len() * 2 / 3);
    } else if let Some(byte) = file.get_mut(at) {
        *byte ^= 1 << (copy + 1);
    }
    file
}

const NETWORKS: [&str; 6] = [
    "3 | dense 2",
    "2x2x1 | conv 2 2x2 | relu | flatten | dense 2",
    "4 | dense 3 nobias | layernorm | tanh | dense 2",
    "4x4x2 | conv 2 3x3 pad same | batchnorm | relu | maxpool 2 | dense 2",
    "4 | add(dense 4 | gelu) | dropout 0.2 | dense 2",
    "2x2x2 | concat(conv 1 1x1; conv 1 1x1 | silu) | globalavgpool | dense 2",
];

fn network(text: &str) -> Network {
    Network::new(text.parse().expect("a network"), 1).expect("a network")
}

fn weights() -> Files {
    NETWORKS
        .map(|text| Model::new(network(text)).to_bytes().expect("a model"))
        .into()
}

fn checkpoints() -> Files {
    let run = |text| {
        let sgd = Trainer::new(
            network(text),
            Sgd {
                momentum: 0.9,
                ..Sgd::new(0.1)
            },
            2,
        );
        let adam = Trainer::new(network(text), Adam::new(0.1), 2);
        [sgd, adam].map(|trainer| {
            trainer
                .expect("a trainer")
                .checkpoint(Cursor::default())
                .expect("a checkpoint")
        })
    };
    NETWORKS.into_iter().flat_map(run).collect()
}

fn texts() -> Files {
    let random = (0..12).map(|seed| random::network(seed).to_string());
    NETWORKS
        .map(str::to_owned)
        .into_iter()
        .chain(random)
        .map(String::into_bytes)
        .collect()
}

fn idx() -> Files {
    let mut files = Vec::new();
    for (code, size) in [(8, 1), (9, 1), (11, 2), (12, 4), (13, 4), (14, 8)] {
        let values = (0..12 * size).map(|value| (value * 7) as u8);
        let plain: Vec<u8> = [0, 0, code, 2, 0, 0, 0, 3, 0, 0, 0, 4]
            .into_iter()
            .chain(values)
            .collect();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&plain).expect("memory");
        files.extend([plain, gzip.finish().expect("memory")]);
    }
    files.push(vec![0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 28, 0, 0, 0, 28]);
    files
}

fn csv() -> Files {
    [
        "1,0,255,3,4\n0,9,8,7,6\n",
        "label,a,b,c,d\ncat,0,1,2,3\ndog,4,5,6,7\n",
        "\"a,b\",\"1\",2,3,4\n\"c\",5,6,7,8\n",
        "\u{feff}y,p\n7,1.0\n3,2e0\n",
        "label\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

const DIGITS: [&str; 5] = [
    "[[[0,0],[0,9.5]]]",
    "[[[0,0],[80,0],[40,120]],[[10,60],[70,60]]]",
    "[[[60,40],[60,160]],[[120,40],[200,40],[150,160]]]",
    "[[[5,5]]]",
    "[[[-1e6,3],[1e7,-1e7],[0,0],[1e-30,2]],[[4,4],[4,4]]]",
];

fn strokes() -> Files {
    let lines = DIGITS.map(|strokes| format!("{{\"label\":3,\"strokes\":{strokes}}}\n"));
    let all = lines.concat().into_bytes();
    lines.into_iter().map(String::into_bytes).chain([all]).collect()
}

fn examples() -> Files {
    let image = |bright: u8| -> Vec<u8> {
        let pixels = (0..784).map(|index| if index % 28 / 4 == 3 { bright } else { 0 });
        let pixels: Vec<_> = pixels.map(|pixel: u8| pixel.to_string()).collect();
        format!("{{\"label\":1,\"pixels\":[{}]}}\n", pixels.join(",")).into_bytes()
    };
    strokes().into_iter().chain([image(255), image(9), image(0)]).collect()
}

fn settings() -> Files {
    [
        r#"{"width":900,"height":700,"zoom":1,"dark":true}"#,
        r#"{"width":0,"zoom":18446744073709551615,"dark":false}"#,
        r#"{"width":18446744073709551615,"other":[{"a":null}]}"#,
        "{}",
        "null",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

fn photos() -> Files {
    let drawn = |side: u32| {
        let pixel = |x: u32, y: u32| {
            let is_ink = (x * 2 > side - side / 8 && x * 2 < side + side / 8) && y > side / 5 && y < side * 4 / 5;
            Luma([if is_ink { 20 } else { 230 }])
        };
        DynamicImage::from(GrayImage::from_fn(side, side, pixel))
    };
    let mut files = Vec::new();
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Pnm,
    ] {
        for side in [24, 72] {
            let mut bytes = io::Cursor::new(Vec::new());
            let image = if format == ImageFormat::Gif || format == ImageFormat::WebP {
                DynamicImage::from(drawn(side).to_rgba8())
            } else {
                drawn(side)
            };
            image.write_to(&mut bytes, format).expect("an image");
            files.push(bytes.into_inner());
        }
    }
    for format in [ImageFormat::Bmp, ImageFormat::Tiff] {
        let mut bytes = io::Cursor::new(Vec::new());
        drawn(24).write_to(&mut bytes, format).expect("an image");
        files.push(bytes.into_inner());
    }
    files
}

fn products() -> Files {
    [
        [1, 1, 1],
        [6, 16, 3],
        [14, 32, 17],
        [15, 33, 64],
        [0, 5, 5],
        [5, 5, 0],
        [71, 70, 69],
        [8, 64, 28],
    ]
    .into_iter()
    .enumerate()
    .map(|(index, sizes)| {
        let values = (0..40 + 9 * index).map(|value| (value * 37 + index) as u8);
        sizes
            .into_iter()
            .chain([(index * 37) as u8, (index * 11 + 1) as u8])
            .chain(values)
            .collect()
    })
    .collect()
}
