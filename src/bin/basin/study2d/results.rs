//! The results of a study: a JSON array, one object a run, and the table over seeds.

use super::job::{Job, Row};
use std::io::Write;
use std::path::PathBuf;

pub struct Results {
    rows: Vec<Row>,
    /// `None` for standard output.
    file: Option<PathBuf>,
}

impl Results {
    /// The results in `path`, none if there is no such file; `-` is standard output.
    pub fn open(path: &str) -> Result<Self, String> {
        if path == "-" {
            return Ok(Self {
                rows: Vec::new(),
                file: None,
            });
        }
        let rows = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| format!("{path} holds no results of a study: {e}"))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(format!("cannot read {path}: {e}")),
        };
        Ok(Self {
            rows,
            file: Some(path.into()),
        })
    }

    pub fn has(&self, job: &Job) -> bool {
        self.rows.iter().any(|row| job.gave(row))
    }

    /// Whether there is a run of this method on this density at this budget (seconds).
    pub fn holds(&self, density: &str, method: &str, budget: f64) -> bool {
        let same = |row: &Row| {
            (row.density.as_str(), row.method.as_str(), row.budget) == (density, method, budget)
        };
        self.rows.iter().any(same)
    }

    /// Adds a row and writes it, or all of them, at once.
    pub fn add(&mut self, row: Row) -> Result<(), String> {
        let text = |row: &Row| serde_json::to_string(row).map_err(|e| e.to_string());
        let line = text(&row)?;
        self.rows.push(row);
        let Some(path) = &self.file else {
            return writeln!(std::io::stdout(), "{line}").map_err(|e| e.to_string());
        };
        let lines: Vec<String> = self.rows.iter().map(text).collect::<Result<_, _>>()?;
        let new = path.with_extension("new");
        std::fs::write(&new, format!("[\n{}\n]\n", lines.join(",\n")))
            .and_then(|()| std::fs::rename(&new, path))
            .map_err(|e| format!("cannot write {}: {e}", path.display()))
    }

    /// KL(truth ‖ model) over seeds at one budget (seconds): mean ± standard deviation, then the median.
    /// One row a density and one column a method; a star for each run that ran away.
    pub fn table(&self, densities: &[&str], methods: &[&str], budget: f64) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let head = std::iter::once("KL(truth‖model)").chain(methods.iter().copied());
        let mut table = line(head.map(str::to_owned).collect());
        table += &line(vec!["---".to_owned(); methods.len() + 1]);
        for density in densities {
            let cells = methods.iter().map(|method| {
                let of = |row: &&Row| {
                    row.density == **density && row.method == **method && row.budget == budget
                };
                let rows: Vec<&Row> = self.rows.iter().filter(of).collect();
                let mut kl: Vec<f32> = rows.iter().map(|row| row.kl_truth_model).collect();
                kl.sort_by(f32::total_cmp);
                let away = rows.iter().filter(|row| row.ran_away.is_some());
                let mark = "*".repeat(away.count());
                match kl.as_slice() {
                    [] => "–".to_owned(),
                    [only] => number(*only) + &mark,
                    all => {
                        let (mean, deviation) = spread(all);
                        let median = number(median(all));
                        format!("{} ± {} ({median}){mark}", number(mean), number(deviation))
                    }
                }
            });
            table += &line(
                std::iter::once((*density).to_owned())
                    .chain(cells)
                    .collect(),
            );
        }
        if table.contains('*') {
            table += "\n\\* a run that ran away: the numbers are of its last good state\n";
        }
        table
    }
}

/// Mean and standard deviation of two values or more.
fn spread(values: &[f32]) -> (f32, f32) {
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// The median of sorted values.
fn median(sorted: &[f32]) -> f32 {
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (sorted[half - 1] + sorted[half]) / 2.0,
        _ => sorted[half],
    }
}

fn number(v: f32) -> String {
    match v {
        v if v >= 10.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v => format!("{v:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run whose samples came to nothing has no numbers for them, and the file stays readable.
    #[test]
    fn what_is_no_number_is_written_and_read() {
        let row = r#"{"density":"a","method":"b","seed":1,"budget":1.0,"kl_truth_model":0.5,
            "kl_model_truth":1.0,"mass_error":0.0,"mass_error_samples":null,"worst_mode_samples":0.0,
            "samples_on_modes":0.0,"mmd_samples":null,"iterations":1,"seconds":1.0,"evaluations":1,
            "seconds_to_learn":null,"ran_away":null}"#;
        let row: Row = serde_json::from_str(row).unwrap();
        assert!(row.mmd_samples.is_nan());
        let again: Row = serde_json::from_str(&serde_json::to_string(&row).unwrap()).unwrap();
        assert!(again.mass_error_samples.is_nan() && again.kl_truth_model == 0.5);
    }

    #[test]
    fn the_table_gives_mean_spread_and_median_and_stars_runaways() {
        let row = |seed: u64, kl: f32, ran_away| {
            let text = format!(
                r#"{{"density":"a","method":"b","seed":{seed},"budget":1.0,"kl_truth_model":{kl},
                "kl_model_truth":1.0,"mass_error":0.0,"mass_error_samples":0.0,"samples":5,
                "worst_mode_samples":0.0,"samples_on_modes":0.0,"mmd_samples":0.0,"iterations":1,
                "seconds":1.0,"evaluations":1,"seconds_to_learn":null,"ran_away":{ran_away}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let results = Results {
            rows: vec![row(1, 0.1, "null"), row(2, 0.2, "7"), row(3, 0.6, "null")],
            file: None,
        };
        let table = results.table(&["a", "c"], &["b"], 1.0);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[2], "| a | 0.300 ± 0.265 (0.200)* |");
        assert_eq!(lines[3], "| c | – |");
        assert!(lines[5].contains("ran away"), "{table}");
        assert!(results.table(&["a"], &["b"], 2.0).contains("| a | – |"));
    }

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
        assert_eq!(spread(&[1.0, 3.0]), (2.0, 2.0f32.sqrt()));
        assert_eq!(number(0.0123), "0.012");
        assert_eq!(number(f32::NAN), "NaN");
    }
}
