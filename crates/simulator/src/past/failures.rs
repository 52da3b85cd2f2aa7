//! What went wrong, with what it leaves in logs and annotations. In texts, `#` stands for a number that differs from run to
//! run.

use crate::model::{Annotation, LostRunner, Outcome, mix};

/// A failure of one job, or of two jobs of a matrix.
#[derive(Debug)]
pub struct Failure {
    /// The workflow's file.
    pub workflow: &'static str,
    pub job: &'static str,
    /// Of the job's matrix; empty if it has none.
    pub members: &'static [u16],
    pub how: How,
    /// Percent of re-runs that pass.
    pub rate: u64,
}

#[derive(Debug)]
pub enum How {
    Step {
        step: &'static str,
        exit_code: u8,
        log: &'static str,
        points_at: &'static [(&'static str, u32, &'static str)],
    },
    Lost(LostRunner),
}

impl Failure {
    /// How the job ends. `noisy`: a warning that was got over is far above.
    pub fn outcome(&self, number: u64, noisy: bool) -> Outcome {
        match &self.how {
            How::Lost(lost) => Outcome::LostRunner(*lost),
            How::Step { step, exit_code, log, points_at } => {
                let noise = if noisy { NOISE } else { "" };
                let log = filled(&format!("{noise}{PREFACE}{log}"), number);
                let point = |outcome: Outcome, at: &(&str, u32, &str)| {
                    outcome.annotated(Annotation::at(at.0, at.1, filled(at.2, number)))
                };
                points_at.iter().fold(Outcome::failure_with(step, *exit_code, &log), point)
            }
        }
    }
}

fn filled(text: &str, number: u64) -> String {
    let mut filled = String::new();
    for (index, part) in text.split('#').enumerate() {
        if index > 0 {
            filled.push_str(&(mix(&[number, index as u64]) % 900 + 100).to_string());
        }
        filled.push_str(part);
    }
    filled
}

const NOISE: &str = "npm warn tarball request to https://registry.npmjs.org/picomatch failed, reason: read ECONNRESET\n\
                     added # packages in 41s\n";
const PREFACE: &str = "shell: /usr/bin/bash -e {0}\nenv:\n  CI: true\n";

const fn failure(
    (workflow, job, members): (&'static str, &'static str, &'static [u16]),
    step: &'static str,
    exit_code: u8,
    log: &'static str,
) -> Failure {
    Failure { workflow, job, members, how: How::Step { step, exit_code, log, points_at: &[] }, rate: 92 }
}

const fn lost(workflow: &'static str, job: &'static str, lost: LostRunner) -> Failure {
    Failure { workflow, job, members: &[], how: How::Lost(lost), rate: 92 }
}

const fn flaky(failure: Failure, rate: u64) -> Failure {
    let Failure { workflow, job, members, how, rate: _ } = failure;
    Failure { workflow, job, members, how, rate }
}

const fn pointing(failure: Failure, points: &'static [(&'static str, u32, &'static str)]) -> Failure {
    let Failure { workflow, job, members, how, rate } = failure;
    let how = match how {
        How::Step { step, exit_code, log, points_at: _ } => How::Step { step, exit_code, log, points_at: points },
        lost => lost,
    };
    Failure { workflow, job, members, how, rate }
}

type Place = (&'static str, &'static str, &'static [u16]);

const LINT: Place = ("ci.yml", "lint", &[]);
const BUILD: Place = ("ci.yml", "build", &[]);
const TEST_1: Place = ("ci.yml", "test", &[1]);
const TEST_2: Place = ("ci.yml", "test", &[2]);
const TESTS: Place = ("ci.yml", "test", &[1, 3]);
const SERVICES: Place = ("integration.yml", "services", &[]);
const BROWSER: Place = ("integration.yml", "browser", &[]);
const SITE: Place = ("docs.yml", "site", &[]);
const PUBLISH: Place = ("release.yml", "publish", &[]);

pub const INFRASTRUCTURE: &[Failure] = &[
    lost("ci.yml", "build", LostRunner::Hosted),
    lost("integration.yml", "services", LostRunner::SelfHosted),
    lost("integration.yml", "browser", LostRunner::ShutDown),
    lost("docs.yml", "site", LostRunner::NeverAcquired),
    failure(
        LINT,
        "Install",
        1,
        "npm error code ECONNRESET\nnpm error syscall read\nnpm error errno -104\nnpm error network read ECONNRESET",
    ),
    failure(
        LINT,
        "Install",
        1,
        "npm error code E503\nnpm error 503 Service Unavailable - GET https://registry.npmjs.org/eslint",
    ),
    failure(
        BUILD,
        "Build",
        101,
        "    Updating crates.io index\nerror: failed to download from `https://static.crates.io/crates/syn/syn-2.0.#.crate`\n\nCaused by:\n  [28] Timeout was reached (download of `syn` failed to transfer more than 10 bytes in 30s)",
    ),
    failure(
        BUILD,
        "Run actions/checkout@v5",
        128,
        "error: RPC failed; curl 56 GnuTLS recv error (-9): Error decoding the received TLS packet.\nfetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output",
    ),
    failure(
        TEST_1,
        "Install",
        100,
        "Err:9 http://azure.archive.ubuntu.com/ubuntu noble-updates/main amd64 libssl-dev\n  503  Service Unavailable [IP: 52.147.#.# 80]\nE: Failed to fetch http://azure.archive.ubuntu.com/ubuntu/pool/main/o/openssl/libssl-dev_3.0.13_amd64.deb  503  Service Unavailable [IP: 52.147.#.# 80]\nE: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?",
    ),
    failure(
        TEST_2,
        "Run tests",
        137,
        "/home/runner/work/_temp/run.sh: line 1:  #4 Killed                  cargo test --workspace",
    ),
    failure(
        SERVICES,
        "Pull images",
        1,
        "Error response from daemon: Get \"https://registry-1.docker.io/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
    ),
    failure(
        SERVICES,
        "Pull images",
        1,
        "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
    ),
    failure(
        BROWSER,
        "Install browsers",
        1,
        "Downloading Chromium 130.0.#.1 from https://cdn.playwright.dev/dbazure/download/playwright/builds/chromium/#/chromium-linux.zip\nError: read ECONNRESET\n    at TLSWrap.onStreamRead (node:internal/stream_base_commons:216:20)\nFailed to install browsers\nError: Failed to download Chromium 130.0.#.1, caused by\nError: Download failure, code=1",
    ),
    failure(SITE, "Install", 6, "curl: (6) Could not resolve host: fonts.example.net"),
    failure(
        SITE,
        "Install",
        2,
        "ReadTimeoutError: HTTPSConnectionPool(host='files.pythonhosted.org', port=443): Read timed out.",
    ),
    failure(
        PUBLISH,
        "Push image",
        1,
        "error: failed to solve: failed to push ghcr.io/acme/engine:edge: unexpected status from PUT request to https://ghcr.io/v2/acme/engine/blobs/upload/#: 502 Bad Gateway",
    ),
    failure(
        BUILD,
        "Build",
        1,
        "error: could not write output to /home/runner/work/engine/target/debug/deps/engine-#.o: No space left on device",
    ),
];

pub const FLAKY: &[Failure] = &[
    flaky(
        failure(
            TEST_1,
            "Run tests",
            101,
            "test net::reconnects_after_a_half_open_socket ... FAILED\n\nfailures:\n\n---- net::reconnects_after_a_half_open_socket stdout ----\nthread 'net::reconnects_after_a_half_open_socket' panicked at src/net/tests.rs:#:9:\nassertion `left == right` failed\n  left: 2\n right: 3\n\ntest result: FAILED. # passed; 1 failed; 0 ignored",
        ),
        90,
    ),
    flaky(
        failure(
            TEST_2,
            "Run tests",
            101,
            "test clock::ticks_once_a_second ... FAILED\nthread 'clock::ticks_once_a_second' panicked at src/clock.rs:#:5:\nassertion failed: elapsed < limit\n\ntest result: FAILED. # passed; 1 failed; 2 ignored",
        ),
        75,
    ),
    flaky(
        failure(
            BROWSER,
            "Run browser tests",
            1,
            "  1) checkout.spec.ts:41:3 › pays with a saved card\n\n    Test timeout of 30000ms exceeded.\n\n    Error: locator.click: Test timeout of 30000ms exceeded.\n\n  1 failed\n  # passed (4.1m)",
        ),
        60,
    ),
    flaky(
        failure(
            SERVICES,
            "Run integration tests",
            1,
            "--- FAIL: TestReplicaCatchesUp (12.#s)\n    replica_test.go:88: replica is # entries behind\nFAIL\nFAIL\tgithub.com/acme/engine/replica\t31.#s",
        ),
        40,
    ),
    flaky(
        failure(
            BROWSER,
            "Run browser tests",
            1,
            "  1) search.spec.ts:17:3 › suggests while typing\n\n    Error: expect(locator).toHaveCount(expected)\n\n    Expected: 5\n    Received: 4\n\n  1 failed\n  # passed (3.7m)",
        ),
        30,
    ),
    flaky(
        failure(
            SERVICES,
            "Run integration tests",
            1,
            "--- FAIL: TestSnapshotUnderLoad (60.#s)\n    snapshot_test.go:203: snapshot took 60.#s, at most 60s\nFAIL\nFAIL\tgithub.com/acme/engine/snapshot\t93.#s",
        ),
        8,
    ),
];

pub const REAL: &[Failure] = &[
    pointing(
        failure(
            BUILD,
            "Build",
            101,
            "error[E0308]: mismatched types\n  --> src/store/mod.rs:#:24\n   |\n   |     let size: u32 = page.len();\n   |               ---   ^^^^^^^^^^ expected `u32`, found `usize`\n\nerror: could not compile `engine` (lib) due to 1 previous error",
        ),
        &[("src/store/mod.rs", 118, "mismatched types: expected `u32`, found `usize`")],
    ),
    pointing(
        failure(
            BUILD,
            "Build",
            2,
            "src/api/routes.ts(#,17): error TS2345: Argument of type 'string | undefined' is not assignable to parameter of type 'string'.",
        ),
        &[(
            "src/api/routes.ts",
            64,
            "Argument of type 'string | undefined' is not assignable to parameter of type 'string'.",
        )],
    ),
    pointing(
        failure(
            LINT,
            "Lint",
            1,
            "/home/runner/work/engine/engine/src/api/routes.ts\n  #:9  error  'limit' is assigned a value but never used  @typescript-eslint/no-unused-vars\n\n✖ 1 problem (1 error, 0 warnings)",
        ),
        &[("src/api/routes.ts", 31, "'limit' is assigned a value but never used")],
    ),
    pointing(
        failure(
            LINT,
            "Lint",
            101,
            "error: this loop could be written as a `for` loop\n  --> src/store/page.rs:#:5\n   = note: `-D clippy::while-let-on-iterator` implied by `-D warnings`\n\nerror: could not compile `engine` (lib) due to 1 previous error",
        ),
        &[("src/store/page.rs", 77, "this loop could be written as a `for` loop")],
    ),
    failure(
        LINT,
        "Lint",
        1,
        "Diff in /home/runner/work/engine/engine/src/net/mod.rs:#:\n-    let peers=vec![];\n+    let peers = vec![];",
    ),
    failure(
        TEST_1,
        "Run tests",
        101,
        "test store::keeps_what_was_written ... FAILED\nthread 'store::keeps_what_was_written' panicked at src/store/tests.rs:#:5:\nassertion `left == right` failed: the page is empty\n  left: 0\n right: 1\n\ntest result: FAILED. # passed; 1 failed; 0 ignored",
    ),
    failure(
        TESTS,
        "Run tests",
        101,
        "test policy::denies_what_is_not_allowed ... FAILED\nthread 'policy::denies_what_is_not_allowed' panicked at src/policy/tests.rs:#:9:\nassertion failed: decision.is_denied()\n\ntest result: FAILED. # passed; 1 failed; 0 ignored",
    ),
    failure(
        TEST_2,
        "Install",
        101,
        "error: the lock file /home/runner/work/engine/engine/Cargo.lock needs to be updated but --locked was passed to prevent this",
    ),
    failure(
        SERVICES,
        "Run integration tests",
        1,
        "--- FAIL: TestTimeoutIsReported (0.0#s)\n    client_test.go:51: got \"connection refused\", want \"deadline exceeded\"\nFAIL\nFAIL\tgithub.com/acme/engine/client\t2.#s",
    ),
    failure(SITE, "Build site", 1, "docs/policies.md:#: broken link: ./conditions.md\nERROR 1 broken link"),
];

/// What `main` fails with while it is broken.
pub const BROKEN_BASE: &[Failure] = &[
    failure(
        TEST_2,
        "Run tests",
        101,
        "test migration::from_version_3 ... FAILED\nthread 'migration::from_version_3' panicked at src/migration/tests.rs:#:5:\ncalled `Result::unwrap()` on an `Err` value: UnknownColumn(\"expires_at\")\n\ntest result: FAILED. # passed; 1 failed; 0 ignored",
    ),
    pointing(
        failure(
            BUILD,
            "Build",
            101,
            "error[E0425]: cannot find function `encode_v2` in module `wire`\n  --> src/net/peer.rs:#:23\n\nerror: could not compile `engine` (lib) due to 1 previous error",
        ),
        &[("src/net/peer.rs", 90, "cannot find function `encode_v2` in module `wire`")],
    ),
];
