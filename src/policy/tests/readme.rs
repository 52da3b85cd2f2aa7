//! The policy file in README does what its sentence says.

use super::*;

fn of_readme() -> Policy {
    let readme = include_str!("../../../README.md");
    let file = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    policy(file.expect("a policy file"))
}

/// "re-runs a run if each of its failed jobs lost its runner or failed because of the network, a registry or other infrastructure, and
/// leaves every other failure to its author". Seen to fail without `otherwise: leave`, without one of the rules, with `mixed: rerun`, and
/// with the cause `network` alone (npm's ECONNRESET is of the class `registry`).
#[test]
fn each_failed_job_lost_its_runner_or_failed_because_of_infrastructure() {
    const LOST: &str =
        "The self-hosted runner: rack-3 lost communication with the server. Verify the machine is running.";
    const EXIT: &str = "Process completed with exit code 1.";
    let lost = |id| job(id, "lost", "");
    let step = |id| job(id, "job", "Run");
    let log = |world: World, id, line| {
        world.annotated(id, &[EXIT]).logged(id, &[line, "##[error]Process completed with exit code 1."])
    };
    let network = |world, id| log(world, id, "curl: (6) Could not resolve host: mirror.example");
    let test = |world, id| log(world, id, "test result: FAILED. 3 passed; 1 failed; 0 ignored");
    let decides = |world: &World| matches!(world.decide(&of_readme()).0, Decision::Rerun(_));
    let both = || failed([lost(1), step(2)]).annotated(1, &[LOST]);
    for (what, world, rerun) in [
        ("a lost runner", failed([lost(1)]).annotated(1, &[LOST]), true),
        ("the network", network(failed([step(1)]), 1), true),
        ("one of each", network(both(), 2), true),
        ("a test", test(failed([step(1)]), 1), false),
        ("nothing that is known", log(failed([step(1)]), 1, "what a day"), false),
        ("nothing that can be read", failed([step(1)]), false),
        ("a lost runner and a test", test(both(), 2), false),
        ("the network and a test", test(network(failed([step(1), step(2)]), 1), 2), false),
    ] {
        assert_eq!(decides(&world), rerun, "{what}");
    }
    for line in [
        "toomanyrequests: You have reached your pull rate limit.",
        "npm ERR! code ECONNRESET",
        "pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(host='files.pythonhosted.org', port=443): Read timed out.",
        "W: Failed to fetch http://archive.ubuntu.com/ubuntu/dists/noble/InRelease  Temporary failure resolving 'archive.ubuntu.com'",
        "Error response from daemon: Get \"https://registry-1.docker.io/v2/\": net/http: TLS handshake timeout",
        "fatal: unable to access 'https://github.com/octo/widgets/': Could not resolve host: github.com",
    ] {
        assert!(decides(&log(failed([step(1)]), 1, line)), "{line}");
    }
    // Three times at most.
    assert!(decides(&network(failed([step(1)]), 1).attempt(3)));
    assert!(!decides(&network(failed([step(1)]), 1).attempt(4)));
}
