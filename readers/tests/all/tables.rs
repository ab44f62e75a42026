//! Tables by their schema.

use std::io::Write;
use tress_readers::{Column, Missing, Schema, Table, idx};

fn schema() -> Schema {
    Schema::new([
        Column::number("age"),
        Column::category("work"),
        Column::label("pay"),
        Column::ignored("id"),
    ])
}

const TABLE: &[u8] = b"id,age,work,pay\n1,30,state,low\n2,41.5,none,high\n3,22,state,low\n";

#[test]
fn columns_are_what_the_schema_says() {
    let records = schema().parse("t", TABLE).unwrap();
    assert_eq!((records.len(), records.lines()), (3, &[2, 3, 4][..]));
    assert_eq!(records.numbers("age").unwrap(), [30.0, 41.5, 22.0]);
    assert_eq!(records.codes("work").unwrap(), [1, 0, 1]);
    assert_eq!(records.words("pay").unwrap(), ["high", "low"]);
    assert_eq!(
        (records.labels("pay").unwrap().classes(), records.labels("pay").unwrap().as_slice()),
        (2, &[1, 0, 1][..])
    );
    assert_eq!(records.feature_names(), ["age", "work=none", "work=state"]);
    let features = records.features::<f32>().unwrap();
    assert_eq!(features.to_vec(), [30.0, 0.0, 1.0, 41.5, 1.0, 0.0, 22.0, 0.0, 1.0]);
    assert_eq!(records.tensor::<f64>(&["age", "age"]).unwrap().shape()[..], [3, 2]);

    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(TABLE).unwrap();
    assert_eq!(schema().parse("t", &packed.finish().unwrap()).unwrap(), records);
    let text = "7;1;low\n";
    let bare = Schema::new([Column::number("a"), Column::category("b"), Column::label("c")])
        .separator(';')
        .without_names();
    assert_eq!(bare.parse("t", text.as_bytes()).unwrap().codes("c").unwrap(), [0]);
}

#[test]
fn another_table_gets_the_codes_of_the_first() {
    let learnt = schema().parse("t", TABLE).unwrap();
    let other = learnt.schema().parse("u", b"id,age,work,pay\n1,3,state,low\n").unwrap();
    assert_eq!((other.codes("work").unwrap(), other.labels("pay").unwrap().classes()), (&[1][..], 2));
    let given = Schema::new([Column::category("w").words(["b", "a"]).others().missing(Missing::Keep)]);
    let records = given.parse("t", b"w\na\n\"\"\nz\nb\n").unwrap();
    assert_eq!(records.codes("w").unwrap(), [1, 3, 2, 0]);
    assert_eq!(records.words("w").unwrap(), ["b", "a", "(other)", "(missing)"]);
    // Read again by its own schema, the codes stay.
    assert_eq!(records.schema().parse("t", b"w\nq\n").unwrap().codes("w").unwrap(), [2]);
}

#[test]
fn words_that_are_whole_numbers_are_sorted_by_their_value() {
    let words = |fields: &[&str]| {
        let table = format!("k\n{}\n", fields.join("\n"));
        Schema::new([Column::label("k")]).parse("t", table.as_bytes()).unwrap()
    };
    let twelve: Vec<String> = (0..24).map(|i| (i * 7 % 12).to_string()).collect();
    let twelve: Vec<&str> = twelve.iter().map(String::as_str).collect();
    let records = words(&twelve);
    let labels = records.labels("k").unwrap();
    assert_eq!((labels.classes(), records.words("k").unwrap().len()), (12, 12));
    for (field, &label) in twelve.iter().zip(labels.as_slice()) {
        assert_eq!(*field, label.to_string(), "the class is the number that is written");
    }
    for (fields, sorted) in [
        (&["10", "-2", "+3", "-11"][..], &["-11", "-2", "+3", "10"][..]),
        (&["10.0", "9.0", "2"], &["2", "9.0", "10.0"]),
        (&["1", "10", "01", "2"], &["01", "1", "2", "10"]),
        // One word that is no whole number, and all are texts.
        (&["10", "9", "b"], &["10", "9", "b"]),
        (&["10", "9", "1.5"], &["1.5", "10", "9"]),
    ] {
        assert_eq!(words(fields).words("k").unwrap(), sorted);
    }
    let table = b"k\n10\n\"\"\n9\n";
    let missing = Schema::new([Column::category("k").missing(Missing::Drop)]).parse("t", table).unwrap();
    assert_eq!(missing.codes("k").unwrap(), [1, 0]);
}

#[test]
fn a_column_learns_no_more_words_than_it_may() {
    let table: String = (0..1001).map(|i| format!("w{i}\n")).collect();
    let table = format!("k\n{table}w7\n").into_bytes();
    let of = |column: Column| Schema::new([column]).parse("t", &table);
    for column in [Column::category("k"), Column::label("k"), Column::category("k").most_words(1000)] {
        assert_eq!(
            of(column).unwrap_err().to_string(),
            "t: column `k` has 1001 different words, more than 1000; if it is a category all the same, call \
             `.most_words(..)`, or give the common ones with `.words(..).others()`"
        );
    }
    let learnt = of(Column::category("k").most_words(1001)).unwrap();
    assert_eq!(learnt.features::<f32>().unwrap().shape()[..], [1002, 1001]);
    assert!(learnt.schema().parse("u", &table).is_ok(), "words that were learnt are given from then on");
    let common = of(Column::category("k").words(["w7"]).others()).unwrap();
    assert_eq!(common.features::<f32>().unwrap().shape()[..], [1002, 2]);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_or_too_long_is_refused_before_it_is_read() {
    let root = std::env::temp_dir().join(format!("tress-no-files-{}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    // A file of two gigabytes that takes no room on the disk.
    let long = root.join("long.csv");
    std::fs::File::create(&long).unwrap().set_len(2 << 30).unwrap();
    let pipe = root.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, text) in [
        (&root, "is a folder and no file; give the path of a file"),
        (&pipe, "is a pipe or a device and no file"),
        (&long, "has 2147483648 bytes, where 1073741824 bytes are read at most; cut it into several"),
    ] {
        let troubles = [Table::open(path, ',').unwrap_err(), schema().open(path).unwrap_err()];
        for error in troubles.map(|error| error.to_string()) {
            assert!(error.contains(text), "{error}");
        }
    }
    assert!(idx::read(&root, 1).unwrap_err().to_string().contains("is a folder"));
    assert!(idx::read(&pipe, 1).unwrap_err().to_string().contains("is a pipe"));
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn missing_fields_are_kept_dropped_or_refused() {
    let table = b"x,k,y\n1,a,p\n,a,q\n3,?,p\n4,b,NA\n";
    let with = |missing: Missing| {
        Schema::new([
            Column::number("x").missing(missing),
            Column::category("k").missing(missing),
            Column::label("y").missing(missing),
        ])
        .parse("t", table)
    };
    let kept = with(Missing::Keep).unwrap();
    assert!(kept.numbers("x").unwrap()[1].is_nan());
    assert_eq!(kept.words("k").unwrap(), ["a", "b", "(missing)"]);
    assert_eq!(kept.codes("k").unwrap(), [0, 0, 2, 1]);
    let labels = kept.labels("y").unwrap();
    assert_eq!(
        (labels.classes(), labels.iter().collect::<Vec<_>>()),
        (2, vec![Some(0), Some(1), Some(0), None])
    );
    let dropped = with(Missing::Drop).unwrap();
    assert_eq!((dropped.len(), dropped.dropped(), dropped.lines()), (1, 3, &[2][..]));
    assert_eq!(dropped.words("y").unwrap(), ["p"], "words of rows that are left out are not learnt");
    let refused = with(Missing::Refuse).unwrap_err().to_string();
    assert!(refused.starts_with("t: line 3, column `x`: nothing is known here"), "{refused}");
    let texts = Schema::new([Column::number("x").missing(Missing::Keep)]).missing_texts(["-"]);
    assert!(texts.parse("t", b"x\n-\n").unwrap().numbers("x").unwrap()[0].is_nan());
    assert!(
        texts.parse("t", b"x\nNA\n").unwrap_err().to_string().contains("`NA` where a finite number must be")
    );
}

#[test]
fn what_is_wrong_is_named_with_line_and_column() {
    for (table, text) in [
        (
            &b"id,age,work,pay\n1,30,state,low\n2,old,none,high\n"[..],
            "t: line 3, column `age`: `old` where a finite number",
        ),
        (b"id,age,work,pay\n1,inf,state,low\n", "t: line 2, column `age`: `inf`"),
        (b"id,age,work\n1,3,state\n", "there is no column `pay`"),
        (b"id,age,work,pay,more\n1,3,state,low,x\n", "has a column `more` that the schema does not name"),
        (b"id,age,work,pay\n1,3,state\n", "line 2: 3 fields where 4 columns are named"),
        (b"id,age,work,pay\n\n\"1\n\",x,state,low\n", "t: line 3, column `age`: `x`"),
    ] {
        let error = schema().parse("t", table).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    assert!(schema().ignore_rest().parse("t", b"id,age,work,pay,more\n1,3,state,low,x\n").is_ok());
    let twice = Schema::new([Column::category("k").words(["a", "a"])]).parse("t", b"k\na\n").unwrap_err();
    assert!(twice.to_string().contains("the word `a` twice"));
    let records = schema().parse("t", TABLE).unwrap();
    assert!(records.numbers("work").unwrap_err().to_string().contains("is none of numbers"));
    assert!(
        records.codes("age").is_err() && records.labels("id").is_err() && records.numbers("zip").is_err()
    );
    assert!(Schema::new([]).open("/no/such/table.csv").unwrap_err().to_string().contains("cannot be read"));
}
