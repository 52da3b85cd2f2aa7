// What the peers have in common: Rerunner's decision on a verified payload, its answers, its line in the log for each
// delivery, and the way to the Keeper. As a Worker in JavaScript would have it, with nothing that costs more than it
// must: no settings, no limit of a body's size and none of time.

const HEADERS = { "content-type": "application/json", "cache-control": "no-store" };

function answer(status, body) {
  return { status, body };
}

/** The response, after the line in the log unless it is to be silent. */
export function respond(headers, { status, body }, silent) {
  if (!silent) {
    const [github_event, delivery] = [headers.get("x-github-event"), headers.get("x-github-delivery")];
    console.log(JSON.stringify({ event: "delivery", status, github_event, delivery, ...body }));
  }
  return new Response(JSON.stringify(body), { status, headers: HEADERS });
}

export const rejected = (status, reason) => answer(status, { outcome: "rejected", reason });
export const ignored = (reason, subject) => answer(200, { outcome: "ignored", reason, ...subject });
export const unwanted = () => ignored("nothing is done for this event");

const FAILED = new Set(["failure", "timed_out"]);

/** The answer to a verified payload of an event that is wanted. */
export function decide(env, event, delivery, payload) {
  if (payload.action !== "completed") return ignored(`nothing is done for this action of ${event}`);
  const of_run = event === "workflow_run";
  const seen = of_run ? payload.workflow_run : payload.workflow_job;
  const subject = {
    repository: payload.repository.full_name,
    run_id: of_run ? seen.id : seen.run_id,
    run_attempt: seen.run_attempt,
  };
  if (!FAILED.has(seen.conclusion)) {
    return ignored(`the ${of_run ? "run" : "job"}'s conclusion is ${seen.conclusion}`, subject);
  }
  return handOver(env, of_run, delivery, subject);
}

async function handOver(env, of_run, delivery, subject) {
  const { repository, run_id, run_attempt } = subject;
  const hint = { run_id, run_attempt, news: of_run ? "run_failed" : "job_failed", delivery };
  const stub = env.KEEPER.getByName(repository.toLowerCase());
  const response = await stub.fetch("https://keeper/hints", {
    method: "POST",
    body: JSON.stringify({ repository, hint }),
  });
  if (response.status !== 200) return answer(503, { outcome: "unavailable", reason: "it could not be stored" });
  const { kind, reason, due } = await response.json();
  const when = due === null ? undefined : new Date(due).toISOString();
  return answer(202, { outcome: kind, reason, ...subject, due: when });
}
