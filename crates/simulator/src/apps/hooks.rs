//! What the API says of webhooks and their deliveries.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::history::Happening;
use crate::model::{ApiError, Millis};
use crate::payload::time;
use crate::webhooks::{Delivery, DeliveryResult, Hook, WebhookRequest};
use crate::world::{Planned, World};

/// GitHub keeps deliveries for three days.
const KEPT: Millis = 3 * 24 * 60 * 60 * 1_000;

/// Deliveries by a hook, oldest first, with the number that each has.
fn deliveries(world: &World, hook: u64) -> Vec<(u64, Delivery)> {
    let all = world.history.collect(|happening| match happening {
        Happening::Webhook(delivery) => Some(delivery.clone()),
        _ => None,
    });
    let hook = hook.to_string();
    let is_its = |delivery: &Delivery| {
        delivery.request.headers.iter().any(|(name, value)| name == "x-github-hook-id" && *value == hook)
    };
    let since = world.clock.now().saturating_sub(KEPT);
    let numbered = (3_000_000_000..).zip(all);
    numbered.filter(|(_, one)| is_its(one) && one.at >= since && one.result != DeliveryResult::Dropped).collect()
}

/// A page of them, newest first, and the cursor of the next.
pub(super) fn list(world: &World, hook: u64, per_page: usize, cursor: Option<&str>) -> (Value, Option<String>) {
    let before: u64 = cursor.and_then(|cursor| cursor.strip_prefix("v1_")?.parse().ok()).unwrap_or(u64::MAX);
    let all = deliveries(world, hook);
    let older: Vec<&(u64, Delivery)> = all.iter().rev().filter(|(number, _)| *number < before).collect();
    let per_page = if per_page == 0 { 30 } else { per_page.min(100) };
    let page = &older[..older.len().min(per_page)];
    let next = (older.len() > per_page).then(|| format!("v1_{}", page[per_page - 1].0));
    (page.iter().map(|(number, delivery)| shown(*number, delivery)).collect(), next)
}

fn shown(number: u64, delivery: &Delivery) -> Value {
    let (status, code) = match &delivery.result {
        DeliveryResult::Answered { status, .. } if delivery.is_ok() => ("OK", *status),
        DeliveryResult::Answered { status, .. } => ("Invalid HTTP Response", *status),
        DeliveryResult::TimedOut => ("timed out", 0),
        DeliveryResult::Failed(_) | DeliveryResult::Dropped => ("failed to connect to host", 0),
    };
    json!({
        "id": number,
        "guid": delivery.id,
        "delivered_at": time(delivery.at),
        "redelivery": delivery.redelivery,
        "duration": delivery.took.as_secs_f64(),
        "status": status,
        "status_code": code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": null,
        "repository_id": null,
        "throttled_at": null,
    })
}

/// Sends one again in the background, to where the hook now points, signed with its secret of now.
pub(super) fn redeliver(world: &Arc<World>, hook: &Hook, number: u64) -> Result<(), ApiError> {
    let found = deliveries(world, hook.id).into_iter().find(|(known, _)| *known == number);
    let (_, known) = found.ok_or_else(ApiError::not_found)?;
    let repository = world.model().find_repository(known.repository.as_str()).ok_or_else(ApiError::not_found)?;
    let url = hook.url.clone().unwrap_or_else(|| known.request.url.clone());
    let request = WebhookRequest { url, ..(*known.request).clone() };
    let body = request.body.clone();
    let planned = Planned {
        id: known.id,
        repository,
        event: known.event,
        action: known.action,
        run: known.run,
        attempt: known.attempt,
        redelivery: true,
        request: Arc::new(request.body(body, &hook.secret)),
    };
    let world = world.clone();
    tokio::spawn(async move { world.deliver(planned).await });
    Ok(())
}
