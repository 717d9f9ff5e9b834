"""options of which one choice is picked

Options that exist keep their type; none is changed to the new one.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("ck_options_option_type_known", "options")
    op.create_check_constraint(
        op.f("ck_options_option_type_known"),
        "options",
        "option_type IN ('boolean', 'single_select', 'multi_select', 'text_input')",
    )
    op.drop_constraint("ck_options_choices_valid", "options")
    op.create_check_constraint(
        op.f("ck_options_choices_valid"),
        "options",
        "CASE WHEN option_type IN ('single_select', 'multi_select')"
        " THEN choices IS NOT NULL AND choices_are_valid(choices) ELSE choices IS NULL END",
    )
