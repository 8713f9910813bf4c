//! The headers that announce event type and delivery id.

use http::HeaderName;

use super::super::function::{Function, Rewrite};
use super::super::template::{Expr, Part, Place, Template};
use super::Signer;

impl Signer<'_> {
    /// Sets the headers from which the entry takes event type and id.
    pub(super) fn announce(&mut self, event: Option<&str>, id: Option<&str>) -> Result<(), String> {
        let plan = self.plan;
        if let (Some(id), Some(template)) = (id, &plan.event.id)
            && let Some((name, _)) = self.free_header(template)
        {
            self.request.set_header(&name, id)?;
        }
        let (Some(event), Some(template)) = (event, &plan.event.r#type) else { return Ok(()) };
        let Some((name, expr)) = self.free_header(template) else { return Ok(()) };
        let has_dots = expr.functions.contains(&Function::Rewrite(Rewrite::Dots));
        let spell = |text: &str| if has_dots { text.replace('.', "/") } else { text.to_owned() };
        self.request.set_header(&name, &spell(event))?;
        // What the body adds to the type must not be said twice.
        let full = self.read(|scope| scope.text(template))?.and_then(|text| String::from_utf8(text).ok());
        let added = full.as_deref().and_then(|full| full.strip_prefix(event)).filter(|added| !added.is_empty());
        if let Some(stem) = added.and_then(|added| event.strip_suffix(added)) {
            self.request.set_header(&name, &spell(stem))?;
        }
        Ok(())
    }

    /// The first header that a template names, where none of its alternatives is there yet.
    fn free_header<'t>(&self, template: &'t Template) -> Option<(HeaderName, &'t Expr)> {
        let expr = template.parts.iter().find_map(|part| match part {
            Part::Expr(expr) => Some(expr),
            Part::Literal(_) | Part::Group(_) => None,
        })?;
        let names: Vec<&HeaderName> = expr
            .refs
            .iter()
            .filter_map(|reference| match &reference.place {
                Place::Header(name) => Some(name),
                _ => None,
            })
            .collect();
        let is_free = !names.iter().any(|name| self.request.headers.contains_key(*name));
        names.first().filter(|_| is_free).map(|name| ((*name).clone(), expr))
    }
}
