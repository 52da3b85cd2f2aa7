//! Webhooks: what GitHub tells, what becomes of it on the way, and how it is received.

use rerunner::names::{DeliveryId, RepoName};
use rerunner::time::Span;
use rerunner::webhook::payload::{Payload, Seen};
use rerunner::webhook::{Event as Told, filter};
use rerunner::webhook::{event::EventWorkflow, event::RunEvent};
use simulator::model::{self, What};

use super::conversions::{attempt_of, conclusion_of, run_id_of};
use super::event::Event;
use super::{Schedule, is_served};

impl Schedule {
    /// What GitHub has to tell is sent, or lost, or late, or twice.
    pub fn send_webhooks(&mut self) {
        let events = self.world.borrow_mut().github.take_events();
        for event in events {
            let Some(payload) = payload_of(&event) else { continue };
            let Ok(Told::Run(event)) = filter::apply(&self.settings, payload) else { continue };
            let mut world = self.world.borrow_mut();
            let known = world.repositories.iter().position(|known| known == event.repository.as_str());
            let repository = known.expect("a repository");
            let wanted = world.wants_cancelled.contains(&repository);
            let Some(event) = event.where_cancelled_runs(wanted) else { continue };
            self.deliveries += 1;
            let event = RunEvent { delivery: DeliveryId::parse(&format!("d-{}", self.deliveries)), ..event };
            let (drop, repeat, delay) =
                (world.faults.drop_webhook, world.faults.repeat_webhook, world.faults.delay_webhook);
            if world.chance("a dropped webhook", drop) {
                world.note(|| format!("webhook    lost: {event:?}"));
                continue;
            }
            let mut copies = 1;
            if world.chance("a repeated webhook", repeat) {
                copies += world.random.usize(1..3);
                if self.is_long() {
                    // Somebody has it delivered again within the three days that GitHub offers.
                    let after = Span::millis(world.random.i64(0..Span::hours(71).as_millis()));
                    world.after(after, Event::Webhook { repository, event: event.clone(), tries: 0 });
                }
            }
            for _ in 0..copies {
                let late = world.chance("a delayed webhook", delay);
                let most = if late { [60_000, 7_200_000][world.random.usize(0..2)] } else { 3_000 };
                let after = Span::millis(world.random.i64(50..most));
                world.after(after, Event::Webhook { repository, event: event.clone(), tries: 0 });
            }
        }
    }

    pub fn webhook(&mut self, repository: usize, event: &RunEvent, tries: u32) {
        self.webhooks += 1;
        self.world.borrow_mut().on_the_way -= 1;
        self.world.borrow_mut().note(|| format!("webhook    {event:?}"));
        // Settings can have changed while it was on its way.
        if !is_served(&self.settings, repository) {
            return;
        }
        // The very first one makes the repository known, and is the only one that nothing may happen to.
        let first = event.delivery.is_none();
        let crash = if first { 0.0 } else { self.world.borrow().faults.crash / 4.0 };
        // The machine may go away before it is stored, or after it is stored and before it is answered.
        let before = self.world.borrow_mut().chance("a webhook refused", crash);
        let stored = if before {
            self.machines[repository].crash();
            false
        } else {
            self.machines[repository].receive(event).is_ok()
        };
        let after = self.world.borrow_mut().chance("a webhook stored and not answered", crash);
        if after {
            self.machines[repository].crash();
        }
        if !stored || after {
            // GitHub has it as failed. Somebody redelivers it, or not; without the sweep somebody does.
            let mut world = self.world.borrow_mut();
            if (!self.sweeps || world.random.bool()) && tries < 20 {
                let later = Span::millis(world.random.i64(1_000..1_800_000));
                world.after(later, Event::Webhook { repository, event: event.clone(), tries: tries + 1 });
            }
        }
    }
}

pub fn workflow_of(event: &model::Event) -> Option<EventWorkflow> {
    let of = &event.run.identity;
    EventWorkflow::new(rerunner::names::WorkflowId::new(of.workflow_number), &of.workflow.name)
}

/// What a webhook says, in the Worker's words. The JSON in between is covered by other tests.
fn payload_of(event: &model::Event) -> Option<Payload> {
    if event.action() != "completed" {
        return None;
    }
    let seen = |run_attempt: Option<u32>, conclusion: Option<model::Conclusion>, actors| Seen {
        names: None,
        repository: RepoName::parse(event.run.repository().as_str()).expect("a name"),
        repository_id: None,
        run_id: run_id_of(event.run.id()),
        run_attempt: run_attempt.map(attempt_of),
        conclusion: conclusion.map(conclusion_of),
        installation: None,
        workflow: matches!(event.what, What::WorkflowRun(_)).then(|| workflow_of(event)).flatten(),
        actors,
    };
    let sender = vec![event.sender.to_string()];
    Some(match &event.what {
        What::WorkflowRun(_) => {
            let actors = vec![event.run.identity.actor.to_string(), event.run.triggering_actor.to_string()];
            Payload::Run(seen(Some(event.run.attempt), event.run.conclusion, actors))
        }
        What::WorkflowJob(_, job) => Payload::Job(seen(Some(job.attempt), job.conclusion(), sender)),
        What::CheckRun(_, job) => Payload::Job(seen(None, job.conclusion(), sender)),
    })
}
