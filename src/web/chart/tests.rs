//! The pictures are read as a person reads them: by the length of the bars.

use super::*;

const TODAY: Millis = Millis(1_795_446_245_000);

/// Rescued and exhausted.
fn figures(days: &[(u64, u64)]) -> Vec<Figures> {
    let day = |&(rescued, exhausted): &(u64, u64)| Figures { rescued, exhausted, ..Figures::default() };
    days.iter().map(day).collect()
}

/// The value of an attribute, in hundredths.
fn hundredths(element: &str, name: &str) -> u64 {
    let value = element.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap();
    let (units, rest) = value.split_once('.').unwrap_or((value, "00"));
    assert_eq!(rest.len(), 2, "{value}");
    units.parse::<u64>().unwrap() * 100 + rest.parse::<u64>().unwrap()
}

/// The elements that begin so, in their order.
fn elements<'s>(svg: &'s str, start: &str) -> Vec<&'s str> {
    svg.split('<').filter(|element| element.starts_with(start)).collect()
}

/// Of the bars of a class: where they stand, their upper end, and their length.
fn bars(svg: &str, class: &str) -> Vec<(u64, u64, u64)> {
    let bars = elements(svg, &format!("rect class=\"{class}\""));
    bars.into_iter().map(|bar| (hundredths(bar, "x"), hundredths(bar, "y"), hundredths(bar, "height"))).collect()
}

/// Each bar is as long as its number is large, by one factor, up and down; all of them stand on the line of zero and in the picture.
#[track_caller]
fn is_in_proportion(svg: &str, numbers: &[(u64, u64)], height: u64) {
    let zero = hundredths(elements(svg, "line class=\"base\"")[0], "y1");
    let (good, bad) = (bars(svg, "good"), bars(svg, "bad"));
    let up: Vec<u64> = numbers.iter().map(|day| day.0).filter(|number| *number > 0).collect();
    let down: Vec<u64> = numbers.iter().map(|day| day.1).filter(|number| *number > 0).collect();
    assert_eq!((good.len(), bad.len()), (up.len(), down.len()), "{svg}");
    let all: Vec<(u64, u64)> =
        up.iter().zip(&good).chain(down.iter().zip(&bad)).map(|(number, bar)| (*number, bar.2)).collect();
    let (most, longest) = *all.iter().max().unwrap();
    for (number, length) in all {
        // To a hundredth, which is what is written.
        assert!(
            (longest * number).abs_diff(length * most) <= most * 2,
            "{number} of {most} as {length} of {longest}: {svg}"
        );
    }
    assert!(good.iter().all(|(_, top, length)| top + length == zero), "{svg}");
    assert!(bad.iter().all(|(_, top, length)| *top == zero && top + length <= height), "{svg}");
}

const DAYS: [&[(u64, u64)]; 6] = [
    &[(5, 5), (1, 0), (0, 3)],
    &[(74, 26), (26, 74), (1, 1)],
    &[(3, 0), (9, 0)],
    &[(0, 7), (0, 1)],
    &[(1, 0)],
    &[(1_000_000, 3), (17, 250_000)],
];

/// Seen to fail when the bars downwards have a scale of their own (26 for what is 74 upwards), and when none is shorter than 1.
#[test]
fn bars_are_in_proportion_to_their_numbers() {
    for numbers in DAYS {
        is_in_proportion(&days("d", &figures(numbers), TODAY).into_string(), numbers, 12_200);
        is_in_proportion(&sparkline("s", &figures(numbers), "").into_string(), numbers, 2_800);
    }
}

/// Seen to fail when the lower side has no tick.
#[test]
fn ticks_are_where_their_numbers_are() {
    for numbers in DAYS {
        let svg = days("d", &figures(numbers), TODAY).into_string();
        let zero = hundredths(elements(&svg, "line class=\"base\"")[0], "y1");
        let (number, class) = numbers.iter().flat_map(|day| [(day.0, "good"), (day.1, "bad")]).max().unwrap();
        let length = bars(&svg, class).into_iter().map(|bar| bar.2).max().unwrap();
        let ticks = elements(&svg, "text class=\"tick\" x=\"34\"");
        let (mut above, mut below) = (0, 0);
        for tick in ticks {
            let shown: u64 = tick.split('>').nth(1).unwrap().parse().unwrap();
            let y = hundredths(tick, "y") - 400;
            let distance = y.abs_diff(zero);
            assert!((length * shown).abs_diff(distance * number) <= number * 2 + shown, "{shown} at {distance}: {svg}");
            above += u64::from(y < zero);
            below += u64::from(y > zero);
        }
        assert_eq!(above > 0, numbers.iter().any(|day| day.0 > 0), "{svg}");
        assert_eq!(below > 0, numbers.iter().any(|day| day.1 > 0), "{svg}");
        assert!(above + below <= STEPS, "{svg}");
    }
}

/// Seen to fail when the shortest bar has 1.
#[test]
fn trends_and_intervals_are_in_proportion_too() {
    let by_day = [0, 1, 100, 33];
    let svg = trend("t", &by_day).into_string();
    let lengths: Vec<u64> = bars(&svg, "bad").into_iter().map(|bar| bar.2).collect();
    assert_eq!(lengths, [16, 1_600, 528], "{svg}");
    let rate = crate::keeper::views::Rate { permille: 885, permille_low: 805, permille_high: 935 };
    let svg = interval("i", rate).into_string();
    let range = elements(&svg, "line class=\"range\"")[0];
    let places = [hundredths(range, "x1"), hundredths(range, "x2"), hundredths(elements(&svg, "circle")[0], "cx")];
    assert_eq!(places, [8_250, 9_550, 9_050], "{svg}");
}

/// Seen to fail when an axis from 0 to 0 is drawn.
#[test]
fn where_there_is_nothing_words_say_so() {
    let none = figures(&[(0, 0); 30]);
    let shown = days("d", &none, TODAY).into_string();
    assert_eq!(shown, "<p class=\"empty\">No run was rescued or exhausted in the last 30 days.</p>");
    for words in [sparkline("s", &none, "no runs").into_string(), trend("t", &[0; 30]).into_string()] {
        assert!(!words.contains("svg"), "{words}");
    }
}
