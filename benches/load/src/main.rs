//! `hallpass-load`: see the library.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that answers on standard output"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use hallpass_load::floor::{self, AssertionAlgorithm, SignedFlow};
use hallpass_load::limit::{self, Algorithm};
use hallpass_load::{Job, run, sign_in};

const USAGE: &str = "\
usage: hallpass-load run        < JOB.json   measure, print what came out as JSON
       hallpass-load sign-in    < JOB.json   sign the job's browsers in, print their cookies
       hallpass-load limit PORT [FOLDER]     serve the reference handlers on 127.0.0.1, with a folder that of durable refreshes, too
       hallpass-load sign es256|rs256 SECONDS   signatures per second, with nothing around them
       hallpass-load signed-flow es256|ps256 proof|jkt SECONDS [FOLDER]
                                             the cryptography of flows whose client signs its assertions so, per second, with a
                                             proof or a thumbprint in the pushed request, and with nothing around it; with a
                                             folder the three commits of each are durable there
       hallpass-load refresh SECONDS FOLDER  what rotations of a refresh token take at least, per second, each durable there";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let answer = match runtime {
        Ok(runtime) => runtime.block_on(command(&arguments)),
        Err(error) => Err(error.into()),
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hallpass-load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn command(arguments: &[&str]) -> Result<(), Box<dyn Error + Send + Sync>> {
    match arguments {
        ["run"] => {
            let outcome = run(read_job()?).await?;
            println!("{}", serde_json::to_string(&outcome)?);
        }
        ["sign-in"] => {
            let signed_in = sign_in(&read_job()?).await?;
            println!("{}", serde_json::to_string(&signed_in)?);
        }
        ["limit", port] => limit::serve(port.parse()?, None).await?,
        ["limit", port, folder] => limit::serve(port.parse()?, Some(Path::new(folder))).await?,
        ["sign", algorithm, seconds] => {
            let algorithm = match *algorithm {
                "es256" => Algorithm::Es256,
                "rs256" => Algorithm::Rs256,
                _ => return Err(USAGE.into()),
            };
            let duration = Duration::try_from_secs_f64(seconds.parse()?)?;
            println!("{}", limit::signatures_per_second(algorithm, duration)?);
        }
        ["signed-flow", algorithm, named, seconds, folder @ ..] => {
            let flow = SignedFlow {
                assertions: match *algorithm {
                    "es256" => AssertionAlgorithm::Es256,
                    "ps256" => AssertionAlgorithm::Ps256,
                    _ => return Err(USAGE.into()),
                },
                proof_at_push: match *named {
                    "proof" => true,
                    "jkt" => false,
                    _ => return Err(USAGE.into()),
                },
                durable_in: match folder {
                    [] => None,
                    [folder] => Some(PathBuf::from(folder)),
                    _ => return Err(USAGE.into()),
                },
            };
            let duration = Duration::try_from_secs_f64(seconds.parse()?)?;
            println!("{}", floor::signed_flows_per_second(&flow, duration)?);
        }
        ["refresh", seconds, folder] => {
            let duration = Duration::try_from_secs_f64(seconds.parse()?)?;
            let rate = floor::refresh::rotations_per_second(Path::new(folder), duration)?;
            println!("{rate}");
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn read_job() -> Result<Job, Box<dyn Error + Send + Sync>> {
    Ok(serde_json::from_reader(std::io::stdin().lock())?)
}
