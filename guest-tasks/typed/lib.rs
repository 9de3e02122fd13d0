//! Functions of typed values: some geometry, and echoes of every type.

use std::f64::consts::PI;

wit_bindgen::generate!({ path: "typed.wit", world: "typed" });

use exports::example::typed::counters::{Guest as Counters, GuestCounter};
use exports::example::typed::echo::{Color, Everything, Five, Guest as Echo};
use exports::example::typed::shapes::{Guest as Shapes, Point, Shape};

struct Typed;

export!(Typed);

impl Shapes for Typed {
    fn area(shape: Shape) -> Result<f64, String> {
        match shape {
            Shape::Circle(radius) if radius < 0.0 => Err(format!("a radius of {radius}")),
            Shape::Circle(radius) => Ok(PI * radius * radius),
            Shape::Polygon(points) if points.len() < 3 => Err(format!("a polygon of {} points", points.len())),
            Shape::Polygon(points) => Ok(shoelace(&points).abs() / 2.0),
            Shape::Empty => Ok(0.0),
        }
    }

    fn between(a: Point, b: Point, t: Option<f64>) -> Point {
        let t = t.unwrap_or(0.5);
        Point { x: a.x + t * (b.x - a.x), y: a.y + t * (b.y - a.y) }
    }
}

fn shoelace(points: &[Point]) -> f64 {
    let next = points.iter().cycle().skip(1);
    points.iter().zip(next).map(|(a, b)| a.x * b.y - b.x * a.y).sum()
}

impl Echo for Typed {
    fn all(value: Everything) -> Everything {
        value
    }

    fn order(row: Five) -> Five {
        row
    }

    fn text(text: String) -> String {
        text
    }

    fn bytes(bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    fn swap(result: Result<u8, Color>) -> Result<Color, u8> {
        match result {
            Ok(number) => Err(number),
            Err(color) => Ok(color),
        }
    }

    fn nothing() {}
}

impl Counters for Typed {
    type Counter = Counter;
}

struct Counter;

impl GuestCounter for Counter {
    fn new(_: u32) -> Self {
        Counter
    }
}

impl Guest for Typed {
    fn run(row: Vec<u8>) -> Result<Vec<u8>, String> {
        Ok(row)
    }
}
