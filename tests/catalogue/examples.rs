//! Ends of whole logs, in the form in which the runner and the tools print them, and why the job failed.

use rerunner::policy::catalogue::{Finding, Log, find};
use rerunner::policy::evidence::WORK;

/// The id that is found, and the line's number.
#[track_caller]
fn finds(log: &str, expected: Option<(&str, u64)>) {
    let found = super::find_in(log.trim_matches('\n'));
    assert_eq!(found.as_ref().map(|found| (&*found.id, found.line.unwrap())), expected, "{log}");
}

#[test]
fn a_package_that_could_not_be_fetched() {
    finds(
        r#"
##[group]Run npm ci
npm ci
shell: /usr/bin/bash -e {0}
##[endgroup]
npm warn deprecated inflight@1.0.6: This module is not supported
npm error code ECONNRESET
npm error syscall read
npm error errno ECONNRESET
npm error network This is a problem related to network connectivity.
npm error A complete log of this run can be found in: /home/runner/.npm/_logs/2026-01-02-debug-0.log
##[error]Process completed with exit code 1.
Post job cleanup.
[command]/usr/bin/git version
git version 2.45.0
Cleaning up orphan processes
"#,
        Some(("npm-network", 9)),
    );
}

/// What was got over is not the cause, however often it is said.
#[test]
fn a_warning_far_above_a_compiler_error() {
    let fillers: String = (0..80).map(|n| format!("   Compiling part-{n} v0.1.0\n")).collect();
    let log = format!(
        "##[group]Run cargo build
##[endgroup]
warning: spurious network error (3 tries remaining): [28] Timeout was reached
{fillers}error[E0308]: mismatched types
 --> src/main.rs:4:9
error: could not compile `app` (bin \"app\") due to 1 previous error
##[error]Process completed with exit code 101.
"
    );
    finds(&log, Some(("rustc", 84)));
}

#[test]
fn a_retry_that_helped_before_another_failure() {
    finds(
        "
##[group]Run ./build.sh
##[endgroup]
curl: (56) Recv failure: Connection reset by peer
Attempt 1 of 3 failed. Retrying in 5 s
downloaded tool.tar.gz
bin/tool: line 3: cmake: command not found
##[error]Process completed with exit code 127.
",
        Some(("command-not-found", 7)),
    );
}

#[test]
fn a_retry_that_did_not_help() {
    finds(
        "
##[group]Run ./fetch.sh
##[endgroup]
curl: (56) Recv failure: Connection reset by peer
Attempt 1 of 2 failed. Retrying in 5 s
curl: (56) Recv failure: Connection reset by peer
giving up
##[error]Process completed with exit code 56.
",
        Some(("curl", 5)),
    );
}

#[test]
fn what_comes_after_the_failed_step() {
    finds(
        "
##[group]Run go test ./...
##[endgroup]
--- FAIL: TestTotal (0.00s)
    total_test.go:9: got 3, want 4
FAIL
##[error]Process completed with exit code 1.
Post job cleanup.
##[warning]Failed to save: Cache service responded with 503
##[warning]read ECONNRESET
",
        Some(("go-test", 5)),
    );
}

/// A step that runs in any case fails as well, because there is nothing to upload.
#[test]
fn a_later_step_that_fails_for_want_of_files() {
    finds(
        "
##[group]Run ./gradlew build
##[endgroup]
> Could not GET 'https://maven.example/m2/core-1.0.pom'. Received status code 503 from server: Service Unavailable
BUILD FAILED in 12s
##[error]Process completed with exit code 1.
##[group]Run actions/upload-artifact@v4
##[endgroup]
##[error]No files were found with the provided path: build/reports. No artifacts will be uploaded.
Post job cleanup.
",
        Some(("gradle-download", 3)),
    );
}

#[test]
fn a_test_about_the_network_is_no_network() {
    finds(
        "
##[group]Run pytest
##[endgroup]
=================================== FAILURES ===================================
>       with pytest.raises(httpx.ConnectTimeout):
E       Failed: DID NOT RAISE <class 'httpx.ConnectTimeout'>
=========================== short test summary info ============================
FAILED test_client.py::test_connection_reset_by_peer_is_retried - Failed: DID NOT RAISE
============================== 1 failed in 0.31s ===============================
##[error]Process completed with exit code 1.
",
        Some(("pytest", 8)),
    );
    finds(
        "
##[group]Run npx jest
##[endgroup]
  ● fetch › gives up after ETIMEDOUT
    expect(received).toBe(expected) // Object.is equality
    Expected: \"503 Service Unavailable\"
    Received: \"502 Bad Gateway\"
Tests:       1 failed, 12 passed, 13 total
##[error]Process completed with exit code 1.
",
        Some(("jest", 7)),
    );
}

/// The job's own database, which the repository starts or does not.
#[test]
fn a_service_of_the_job() {
    finds(
        "
##[group]Run node migrate.js
##[endgroup]
Error: connect ECONNREFUSED 127.0.0.1:5432
##[error]Process completed with exit code 1.
",
        Some(("local-service-missing", 3)),
    );
}

#[test]
fn a_checkout() {
    finds(
        "
##[group]Run actions/checkout@v4
##[endgroup]
[command]/usr/bin/git -c protocol.version=2 fetch --no-tags --prune --depth=1 origin
error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.
fetch-pack: unexpected disconnect while reading sideband packet
fatal: early EOF
##[error]The process '/usr/bin/git' failed with exit code 128
",
        Some(("git-transfer-cut", 6)),
    );
    finds(
        "
##[group]Run actions/checkout@v4
##[endgroup]
remote: Repository not found.
fatal: repository 'https://git.example/org/nothere/' not found
##[error]The process '/usr/bin/git' failed with exit code 128
",
        Some(("git-permission", 4)),
    );
}

#[test]
fn memory_goes_before_what_follows_from_it() {
    finds(
        "
##[group]Run mvn test
##[endgroup]
java.lang.OutOfMemoryError: Java heap space
[ERROR] Tests run: 41, Failures: 0, Errors: 1, Skipped: 0
[INFO] BUILD FAILURE
##[error]Process completed with exit code 1.
",
        Some(("jvm-memory", 3)),
    );
}

/// A package that is not there, as the index could not be read.
#[test]
fn what_follows_from_an_error_above_it() {
    finds(
        "
##[group]Run apt-get install git
##[endgroup]
Err:1 http://apt.example/debian bookworm InRelease
  Temporary failure resolving 'apt.example'
W: Some index files failed to download. They have been ignored, or old ones used instead.
E: Unable to locate package git
##[error]Process completed with exit code 100.
",
        Some(("apt-fetch", 4)),
    );
    finds("E: Unable to locate package libfoo-dev", Some(("package-not-found", 1)));
}

/// A push that was refused ends like one that was cut short; and runners that use Kubernetes say the same after every step
/// that fails.
#[test]
fn an_end_that_says_nothing() {
    finds(
        "
##[group]Run git push
##[endgroup]
error: RPC failed; HTTP 403 curl 22 The requested URL returned error: 403
send-pack: unexpected disconnect while reading sideband packet
fatal: the remote end hung up unexpectedly
##[error]Process completed with exit code 128.
##[error]Executing the custom container implementation failed. Please contact your self hosted runner administrator.
",
        Some(("http-denied", 3)),
    );
}

#[test]
fn an_error_of_several_lines() {
    finds(
        "
##[group]Run docker/build-push-action@v6
##[endgroup]
##[error]buildx failed with: ERROR: failed to solve: alpine:3:
failed to do request: Head \"https://docker.example/v2/library/alpine/manifests/3\": dial tcp: i/o timeout
Post job cleanup.
",
        Some(("buildkit", 4)),
    );
}

#[test]
fn times_and_colours_are_left_out() {
    finds(
        "
2026-11-24T10:00:00.1234567Z ##[group]Run yarn
2026-11-24T10:00:01.1234567Z ##[endgroup]
2026-11-24T10:00:02.1234567Z \u{1b}[31merror[E0425]\u{1b}[0m: cannot find value `x` in this scope
2026-11-24T10:00:03.1234567Z ##[error]Process completed with exit code 101.
",
        Some(("rustc", 3)),
    );
}

#[test]
fn nothing_that_is_known() {
    finds(
        "
##[group]Run ./deploy.sh
##[endgroup]
deploying
no luck today
##[error]Process completed with exit code 3.
",
        None,
    );
}

#[test]
fn annotations() {
    let found = |annotations: &[&str], log: &[&str]| {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let lines = owned(log);
        find(&owned(annotations), Log { first_line: 100, lines: &lines }, &mut WORK.clone()).unwrap()
    };
    let id = |found: Option<Finding>| found.map(|found| (found.id.into_owned(), found.line));
    let lost = "The self-hosted runner: build-7 lost communication with the server. Verify the machine is running.";
    let fails = ["--- FAIL: TestTotal (0.00s)", "##[error]Process completed with exit code 1."];
    // Whatever the log was about when the runner was lost.
    assert_eq!(id(found(&[lost], &fails)), Some(("runner-lost".to_owned(), None)));
    // What is the cause is in the log, and this is beside it.
    let cache = "Failed to save: Cache service responded with 503";
    assert_eq!(id(found(&[cache], &fails)), Some(("go-test".to_owned(), Some(100))));
    assert_eq!(
        id(found(&[cache], &["##[error]Process completed with exit code 1."])),
        Some(("cache-service".to_owned(), None))
    );
    assert_eq!(id(found(&["Process completed with exit code 1."], &[])), None);
}
