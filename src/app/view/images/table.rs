//! The visitor's images with their scores, one row each.

use super::explain::Explain;
use super::pixels::{Pixels, Thumb};
use super::studio::use_studio;
use crate::app::gallery::OwnState;
use crate::app::outlying::{self, percentile};
use crate::app::score_table::{Order, listed};
use crate::app::words::number;
use crate::weights::reference::{Score, column};
use leptos::prelude::*;

/// Columns of plain scores, which the table has room for; the others are behind each row.
const PLAIN: usize = Score::ALL.len();

/// How the table is sorted and filtered.
#[derive(Clone, Copy)]
pub struct Sorting {
    pub order: RwSignal<Order>,
    pub descending: RwSignal<bool>,
    pub text: RwSignal<String>,
    pub least: RwSignal<f32>,
    /// The column that sentences and the filter go by.
    pub best: Memo<usize>,
}

impl Sorting {
    /// The numbers of the rows on show.
    pub fn ids(self) -> Vec<u32> {
        let studio = use_studio();
        let (order, descending) = (self.order.get(), self.descending.get());
        let (text, least) = (self.text.get(), self.least.get());
        studio
            .gallery
            .with(|g| listed(g, order, descending, &text, (self.best.get(), least)))
    }

    fn by(self, order: Order) {
        if self.order.get_untracked() == order {
            self.descending.update(|d| *d = !*d);
        } else {
            self.order.set(order);
            self.descending.set(matches!(order, Order::Column(_)));
        }
    }

    fn state(self, order: Order) -> Option<&'static str> {
        (self.order.get() == order).then(|| match self.descending.get() {
            true => "descending",
            false => "ascending",
        })
    }
}

#[component]
pub fn Rows(sorting: Sorting, ids: Memo<Vec<u32>>) -> impl IntoView {
    let heads = (0..PLAIN).map(|c| {
        let (score, _) = column(c);
        let order = Order::Column(c);
        view! {
            <th
                scope="col"
                class="of-score"
                class:best=move || sorting.best.get() == c
                aria-sort=move || sorting.state(order)
            >
                <button
                    class="plain sort"
                    data-testid=format!("sort-{c}")
                    title=outlying::meaning(score)
                    on:click=move |_| sorting.by(order)
                >
                    {score.name()}
                </button>
            </th>
        }
    });
    view! {
        <div class="scroll-across">
            <table class="rows">
                <thead>
                    <tr>
                        <th scope="col">"original"</th>
                        <th scope="col">"seen"</th>
                        <th scope="col" aria-sort=move || sorting.state(Order::Name)>
                            <button class="plain sort" on:click=move |_| sorting.by(Order::Name)>
                                "name"
                            </button>
                        </th>
                        {heads.collect_view()}
                        <th scope="col"><span class="unseen">"more"</span></th>
                    </tr>
                </thead>
                <For each=move || ids.get() key=|id| *id let:id>
                    <Row id sorting />
                </For>
            </table>
        </div>
    }
}

#[component]
fn Row(id: u32, sorting: Sorting) -> impl IntoView {
    let studio = use_studio();
    let open = RwSignal::new(false);
    let own = Memo::new(move |_| studio.gallery.with(|g| g.own.get(&id).cloned()));
    let name =
        Memo::new(move |_| own.with(|o| o.as_ref().map(|o| o.name.clone()).unwrap_or_default()));
    let seen = Memo::new(move |_| own.with(|o| o.as_ref().and_then(|o| o.seen.clone())));
    let said = move || {
        own.with(|own| {
            let own = own.as_ref()?;
            Some(match &own.state {
                OwnState::Reading => "Reading…".to_owned(),
                OwnState::Unreadable(why) => format!("Not read: {why}."),
                OwnState::Waiting => match studio.gallery.with(|g| g.loaded.is_some()) {
                    true => "Waiting for its scores…".to_owned(),
                    false => "Load a model to score it.".to_owned(),
                },
                OwnState::Scored => outlying::sentence(own, sorting.best.get()),
            })
        })
    };
    let bad = move || {
        own.with(|o| {
            o.as_ref()
                .is_some_and(|o| matches!(o.state, OwnState::Unreadable(_)))
        })
    };
    let how = move || seen.with(|s| s.as_ref().map(|s| s.how.clone()));
    let size = move || seen.with(|s| s.as_ref().map(|s| format!("{} × {}", s.width, s.height)));
    let cells = (0..PLAIN).map(|c| {
        let value = move || own.with(|o| o.as_ref().and_then(|o| o.scores.get(c).copied()));
        let rank = move || own.with(|o| o.as_ref().and_then(|o| o.percentiles.get(c).copied()));
        let best = move || sorting.best.get() == c;
        view! {
            <td class="of-score" class:best=best>
                <span class="value">{move || value().map_or_else(|| "–".into(), number)}</span>
                <span
                    class="rank"
                    data-testid=move || if best() { "percentile" } else { "other-percentile" }
                    data-value=move || rank().map(|r| r.to_string())
                >
                    {move || rank().map(percentile)}
                </span>
                <meter min="0" max="100" hidden=move || rank().is_none() prop:value=move || rank().unwrap_or(0.0)></meter>
            </td>
        }
    });
    let pixels = Signal::derive(move || {
        seen.with(|s| s.as_ref().map(|s| s.pixels.clone()).unwrap_or_default())
    });
    let label = Signal::derive(move || format!("{} as the model saw it", name.get()));
    view! {
        <tbody data-testid="score-row" data-name=move || name.get() class:bad=bad>
            <tr>
                <td>
                    {move || {
                        seen.get()
                            .map(|s| {
                                view! { <Thumb size=s.thumb rgba=s.thumb_rgba label=format!("{}, original", name.get()) /> }
                            })
                    }}
                </td>
                <td>
                    <Show when=move || seen.with(Option::is_some)>
                        <Pixels pixels label />
                    </Show>
                </td>
                <th scope="row">
                    <span class="name">{move || name.get()}</span>
                    <small>{size}</small>
                    <small class="how">{how}</small>
                </th>
                {cells.collect_view()}
                <td class="more">
                    <button
                        class="plain"
                        disabled=bad
                        aria-expanded=move || open.get().to_string()
                        aria-label=move || format!("Where the scores of {} come from", name.get())
                        data-testid="explain"
                        on:click=move |_| open.update(|o| *o = !*o)
                    >
                        {move || if open.get() { "Less" } else { "Why?" }}
                    </button>
                    <button
                        class="plain"
                        aria-label=move || format!("Take {} away", name.get())
                        on:click=move |_| studio.close(vec![id])
                    >
                        "×"
                    </button>
                </td>
            </tr>
            <tr class="said">
                <td colspan=(PLAIN + 4).to_string()>{said}</td>
            </tr>
            <Show when=move || open.get()>
                <tr class="why">
                    <td colspan=(PLAIN + 4).to_string()>
                        <Explain id />
                    </td>
                </tr>
            </Show>
        </tbody>
    }
}
