//! Which values each route's parameters can have. All that is wrong with a request's is named at once; the route's answer, which asks
//! for them one by one, would stop at the first.

use super::parameters::{Parameters, Wrong};
use super::routes::{Api, Page, Route, Setup};
use super::{Rejection, pages, setup};

impl Parameters {
    /// Those of a request, with values that its route can take.
    pub fn of(url: &str, route: &Route) -> Result<Self, Rejection> {
        let (parameters, mut wrong) = Self::read(url, route.spec().parameters);
        parameters.look_at_values(route, &mut wrong);
        wrong.none().map(|()| parameters)
    }

    /// As the route's answer asks for them, which would stop at the first that is wrong.
    fn look_at_values(&self, route: &Route, wrong: &mut Wrong) {
        match route {
            Route::Page(Page::Overview) => {
                wrong.or_default(self.list_cursor());
                wrong.or_default(self.name("name"));
                wrong.or_default(pages::sort(self));
            }
            Route::Page(Page::Insights) | Route::Api(Api::Repositories | Api::Insights) => {
                wrong.or_default(self.list_cursor());
            }
            Route::Page(Page::Repository(_)) | Route::Api(Api::Runs(_)) => {
                wrong.or_default(self.runs().map(|_| ()));
            }
            Route::Api(Api::FlakyJobs(_)) => {
                wrong.or_default(self.limit());
                wrong.or_default(self.skip());
            }
            Route::Api(Api::Doctor | Api::Redeliver) => {
                wrong.or_default(self.repositories());
            }
            Route::Setup(Setup::Start) => {
                wrong.or_default(setup::organization(self));
                for feature in setup::FEATURES {
                    wrong.or_default(setup::is_ticked(self, feature));
                }
            }
            // Whoever returns from GitHub is told on a page what is wrong. The others have none.
            _ => {}
        }
    }
}
