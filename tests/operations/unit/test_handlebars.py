"""Templates of Handlebars, as Jinja has them."""

import jinja2
import pytest

from operations.kinds.handlebars import NotConvertible, to_jinja

DATA = {
    "name": "Ada <a@example.com>",
    "is_new": True,
    "orders": [{"product": "Tea", "parts": ["leaf", "bag"]}, {"product": "Kettle", "parts": []}],
    "shop": {"name": "Corner", "open-now": "yes"},
}


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("Hello {{name}}!", "Hello Ada &lt;a@example.com&gt;!"),
        ("{{{ name }}} {{&name}}", "Ada &lt;a@example.com&gt; Ada &lt;a@example.com&gt;"),
        ("{{#if is_new}}new{{else}}old{{/if}}", "new"),
        ("{{#unless is_new}}old{{else if name}}named{{/unless}}", "named"),
        ("{{#each orders}}{{@index}} {{product}} of {{../name}} {{/each}}", "0 Tea of {n} 1 Kettle of {n} "),
        (
            "{{#each orders}}{{#each parts}}{{this}}-{{../product}} {{else}}none{{/each}}{{/each}}",
            "leaf-Tea bag-Tea none",
        ),
        ("{{#each nothing}}{{.}}{{else}}empty{{/each}}", "empty"),
        ("{{#with shop}}{{name}} {{@root.is_new}}{{/with}} {{shop.name}} {{shop/open-now}}", "Corner True Corner yes"),
        ("a {{! a comment }}{{!-- {{name}} --}}b {% raw %} {#", "a b {% raw %} {#"),
        ("{{> foot}} {{>foot}}", "by Corner by Corner"),
        ("{{~#if is_new~}} x {{~/if~}}", " x "),
    ],
)
def test_it_shows_the_same(template: str, shown: str) -> None:
    made = to_jinja(template, "item", {"foot": "by {{shop.name}}"})
    environment = jinja2.Environment(autoescape=True)
    assert environment.from_string(made).render(item=DATA) == shown.replace("{n}", "Ada &lt;a@example.com&gt;")


@pytest.mark.parametrize("name", [name for name in dir(dict) if not name.startswith("_")])
def test_a_field_may_have_the_name_of_a_method(name: str) -> None:
    made = to_jinja(
        f"{{{{#if {name}}}}}{{{{{name}}}}}{{{{/if}}}} {{{{#each rows}}}}{{{{this.{name}}}}}{{{{/each}}}}", "item"
    )
    data = {name: "one", "rows": [{name: "two"}]}
    assert jinja2.Environment(autoescape=True).from_string(made).render(item=data) == "one two"


@pytest.mark.parametrize(
    "template",
    [
        *("{{formatDate at 'x'}}", "{{#bold}}x{{/bold}}", "{{> gone}}", "{{#if a}}x", "{{/if}}", "{{#each a}}{{/if}}"),
        *("{{../a}}", "{{'text'}}", "{{> loop}}", "{{lookup a b}}"),
    ],
)
def test_what_has_no_counterpart_is_refused(template: str) -> None:
    with pytest.raises(NotConvertible):
        to_jinja(template, "item", {"loop": "{{> loop}}"})
